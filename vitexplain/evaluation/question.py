"""Question: what the judge is asked about every image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vitexplain.errors import UsageError
from vitexplain.evaluation.metrics import METRICS, Metric
from vitexplain.evaluation.objects import Objects
from vitexplain.evaluation.usual import that_work
from vitexplain.images import DEFAULT_MAX_PIXELS, PictureInput, ViewKind
from vitexplain.methods import Method
from vitexplain.methods.fills import FillName
from vitexplain.models import LoadedModel
from vitexplain.pipeline import Request
from vitexplain.pipeline.reference import Reference, embed_reference
from vitexplain.pipeline.targets import Targets, resolve_targets

Quantity = Literal["probability", "value", "similarity"]


@dataclass(frozen=True)
class Question:
    """The methods to judge, by which metrics, and against which references (methods too).

    `target`: top1, an index or a label: one class per image. `fill`, `steps` and `groups` belong to metrics that remove
    patches. `seed`: for random scores, pairs of images, ties, bootstrap and weights. `others`: whether maps of another
    image are a control, too. `reference_image`: a picture, likeness to which stands in place of a class. `objects`:
    where the objects are, for localisation. `ceiling`: whether the best order of removal is looked for. `usual`: nobody
    chose the methods, so that those that the model cannot do are left out, with `notices`. `of`: what is followed while
    patches are removed, as `for_model` finds it.
    """

    methods: tuple[Method, ...]
    references: tuple[Method, ...] = ()
    metrics: tuple[str, ...] = (next(iter(METRICS)),)
    target: str = "top1"
    view: ViewKind | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    seed: int = 0
    fill: FillName = "mean"
    steps: int = 16
    groups: int = 10
    others: bool = True
    reference_image: PictureInput | Reference | None = None
    objects: Objects | None = None
    ceiling: bool = False
    usual: bool = False
    notices: tuple[str, ...] = ()
    of: Quantity = "probability"

    def __post_init__(self) -> None:
        for metric in self.metrics:
            if metric not in METRICS:
                raise UsageError(f"metric '{metric}' does not exist: metrics are {', '.join(METRICS)}")
        for chosen in self.chosen:
            chosen.check(self)
        if self.reference_image is not None and self.target != "top1":
            raise UsageError("`target=` and `reference_image=` cannot be combined: give one of them")
        if self.steps < 1:
            raise UsageError(f"steps {self.steps} is not valid: expected a whole number from 1")

    @property
    def reference_sha256(self) -> str | None:
        """The SHA-256 of the reference, once `for_model` has read it."""
        return self.reference_image.sha256 if isinstance(self.reference_image, Reference) else None

    @property
    def asks_for_class(self) -> bool:
        """Whether another class than the first prediction is to be explained, or likeness to a reference."""
        return self.target != "top1" or self.reference_image is not None

    @property
    def about(self) -> str:
        """What is explained, for the heading of a table."""
        return f"target {self.target}" if self.reference_image is None else "likeness to the reference"

    @property
    def chosen(self) -> tuple[Metric, ...]:
        """The metrics asked for, each once, in the order of METRICS."""
        return tuple(dict.fromkeys(metric for name, metric in METRICS.items() if name in self.metrics))

    @property
    def scored(self) -> dict[Method, bool]:
        """The methods whose scores the metrics use, and whether by layer."""
        found: dict[Method, bool] = {}
        for metric in self.chosen:
            for method, by_layer in metric.scores(self).items():
                found[method] = by_layer or found.get(method, False)
        return found

    def targets(self, model: LoadedModel) -> Targets | Reference:
        """Return the class to explain; UsageError: several, or one that does not exist; ModelError: no classifier."""
        if isinstance(self.reference_image, Reference):
            return self.reference_image
        targets = resolve_targets(self.target, None, model)
        if targets.may_be_several:
            raise UsageError(
                f"target '{self.target}' names several classes: explanations are judged for one class per image; give "
                "top1, an index or a label"
            )
        return targets

    def for_model(self, model: LoadedModel) -> Question:
        """Return the question as this model answers it; raise the error that every image would meet."""
        if self.usual:
            methods, notices = that_work(self.methods, model, class_asked=self.asks_for_class)
            return replace(self, methods=methods, notices=notices, usual=False).for_model(model)
        given, asked = self.reference_image, None
        if given is None:
            self.targets(model)
        else:
            given = embed_reference(model, given, self.view, self.max_pixels)
            asked = given if any("target" in method.needs for method in self.scored) else None
        for metric in self.chosen:
            metric.check_model(self, model)
        Request(tuple(self.scored), self.view, max_pixels=self.max_pixels, reference_image=asked).for_model(model)
        of: Quantity = "value" if model.activation == "none" else "probability"
        return replace(self, reference_image=given, of=of if given is None else "similarity")
