"""The numbers of the fine-tuning; the defaults are those that made the built-in weights (see MODEL_CARD.md)."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from vitexplain.errors import UsageError


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training step does, but for the data, the start and the length of the run."""

    seed: int = 0
    batch: int = 128  # images a step
    rate: float = 3e-4  # peak learning rate of the classifier
    layer_decay: float = 0.8  # factor of the rate per layer of depth below the classifier
    weight_decay: float = 0.05  # on matrices only
    betas: tuple[float, float] = (0.9, 0.99)
    warm_up: float = 0.02  # share of the run in which the rate rises
    largest_norm: float = 3.0  # of the gradient of all weights together
    smoothing: float = 0.1  # of the labels
    drop_path: float = 0.05  # of the last layer; smaller below
    average: float = 0.998  # decay a step of the moving average of the weights
    sides: tuple[int, ...] = (7, 7, 9, 11, 13, 16)  # patches of a side, drawn for each batch
    kept: tuple[int, int] = (49, 64)  # patches that remain, both ends included
    area: tuple[float, float] = (0.35, 1.0)  # share of the image that a crop shows
    aspect: tuple[float, float] = (3 / 4, 4 / 3)  # width / height of a crop
    jitter: float = 0.3  # brightness, contrast and saturation are multiplied by 1 - jitter to 1 + jitter
    grey: float = 0.05  # share of images without colour

    def __post_init__(self) -> None:
        """Raise UsageError for numbers that no training could use."""
        if self.batch < 1:
            raise UsageError(f"--batch {self.batch} is too small; expected 1 or more")
        if not self.rate > 0:
            raise UsageError(f"--rate {self.rate} is not above 0; the recipe's rate is 3e-4")
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed} is negative; expected 0 or more")

    def as_plain(self) -> dict[str, object]:
        """Return the numbers by name, tuples as lists, as a checkpoint or JSON keeps them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Length:
    """How long a run is: `minutes` of training time, or `steps` if that is given (then the run is reproducible)."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        """Raise UsageError unless exactly one of the two is given and above 0."""
        given = [value for value in (self.minutes, self.steps) if value is not None]
        if len(given) != 1 or not given[0] > 0:
            raise UsageError(
                f"--minutes {self.minutes} with --steps {self.steps}: expected exactly one of the two, above 0"
            )

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the run that is over after `step` steps and `seconds` of training, at least 0."""
        if self.steps is not None:
            return step / self.steps
        return seconds / (60.0 * (self.minutes or 0.0))
