"""One training run: what a step does, and the state that a checkpoint keeps."""

from __future__ import annotations

import torch

from tests.builtin_model.precision import computing_in
from tests.builtin_model.training.batches import Batch
from tests.builtin_model.training.checkpoint import Checkpoint
from tests.builtin_model.training.recipe import Length, Recipe
from tests.builtin_model.training.schedule import rate_factor, set_rate, weight_groups
from tests.builtin_model.training.start import Start, keep_patches
from vitexplain.errors import UsageError


class Trainer:
    """A network, its optimizer, the moving average of its weights, and how far the run has come.

    All that is random in step k is seeded by the recipe's seed and k (torch's global generator is seeded anew in each
    step), so a resumed run does what an uninterrupted one does; on the CPU to the last bit, if `length` is in steps.
    """

    def __init__(self, start: Start, recipe: Recipe, length: Length, dtype: torch.dtype) -> None:
        """Prepare `start.network`, where it is, for training with products in `dtype`."""
        self.network = start.network.train()
        self.patch = start.patch
        self.recipe = recipe
        self.length = length
        self.dtype = dtype
        self.device = next(self.network.parameters()).device
        self.step = 0
        self.seconds = 0.0  # of training so far; whoever calls `learn` adds to it, waiting for batches included
        self.averaged = {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}
        groups = weight_groups(self.network, start.layers, recipe)
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.rate, betas=recipe.betas)

    @property
    def finished(self) -> bool:
        """Whether the run has its length."""
        return self.length.progress(self.step, self.seconds) >= 1.0

    def learn(self, batch: Batch) -> float:
        """Do one step on `batch`; return the loss before it. Raises UsageError if the loss is not a finite number."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        # In the middle of a step counted in steps; the rate is then above 0 in the first and in the last one.
        middle = self.length.progress(self.step, self.seconds) + (0.5 / (self.length.steps or float("inf")))
        set_rate(self.optimizer, self.recipe.rate * rate_factor(middle, self.recipe.warm_up))
        keep_patches(self.network, batch.kept, (batch.pixels.shape[-1] // self.patch) ** 2)
        self.optimizer.zero_grad()
        with computing_in(self.dtype, self.device):
            logits = self.network(batch.pixels.to(self.device))
        loss = torch.nn.functional.cross_entropy(
            logits.float(), batch.targets.to(self.device), label_smoothing=self.recipe.smoothing
        )
        value = loss.item()
        if not value < float("inf"):
            raise UsageError(f"the loss is {value} in step {self.step + 1}; resume or start again with a lower --rate")
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.largest_norm)
        self.optimizer.step()
        self._average()
        self.step += 1
        return value

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the weights; faster in the first steps, so that the start is forgotten."""
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        for name, tensor in self.network.state_dict().items():
            self.averaged[name].lerp_(tensor, 1.0 - decay)

    def checkpoint(self, settings: dict[str, object]) -> Checkpoint:
        """Return the state of the run, to be saved before the next step."""
        return Checkpoint(
            settings=settings,
            step=self.step,
            seconds=self.seconds,
            weights=self.network.state_dict(),
            averaged=self.averaged,
            optimizer=self.optimizer.state_dict(),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where `checkpoint` was made; it must be of the same network and settings."""
        self.network.load_state_dict(checkpoint.weights)
        self.averaged = {name: tensor.to(self.device) for name, tensor in checkpoint.averaged.items()}
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.step, self.seconds = checkpoint.step, checkpoint.seconds
