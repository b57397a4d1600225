"""Head fusion: the attention of H heads as one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from vitexplain.errors import UsageError

FusionName = Literal["mean", "max", "min", "gradient"]
FUSIONS: tuple[FusionName, ...] = ("mean", "max", "min", "gradient")
RULES = ("plain", "libra", "attn-lrp")
"""How the gradient at the attention is taken: autograd's own, or by rules of LibraGrad or AttnLRP."""


@dataclass(frozen=True)
class Fusion:
    """How heads become one matrix: the mean, maximum or minimum over the heads, or one head alone (from 0).

    `gradient` is the mean of the positive part of attention times the gradient of the target's logit, which needs a
    backward pass: `fuse_by_gradient`. `rules` are those of that gradient.
    """

    name: FusionName = "mean"
    head: int | None = None
    rules: str = "plain"

    def __call__(self, weights: Tensor, out: Tensor | None = None) -> Tensor:
        """Return (b, N, N), the fusion of weights (b, H, N, N); written into `out` if given."""
        if self.head is not None:
            require_head(self.head, weights.size(1))
            fused = weights[:, self.head]
            return fused if out is None else out.copy_(fused)
        if self.name == "mean":
            return torch.mean(weights, 1, out=out)
        reduce = torch.amax if self.name == "max" else torch.amin
        return reduce(weights, 1, out=out)


def require_head(head: int, heads: int) -> None:
    """Raise UsageError unless a model with `heads` heads has this one, counted from 0."""
    if head >= heads:
        raise UsageError(f"head {head} does not exist: the model has heads 0 to {heads - 1}")


EVERY_HEAD = Fusion(head=-1)
"""Asks that every head be kept by itself, before it is known how many there are."""


def fuse_by_gradient(weights: Tensor, gradients: Tensor) -> Tensor:
    """Return (b, N, N), the mean over heads of relu(A * dy/dA), for weights A and gradients (b, H, N, N).

    Chefer, Gur & Wolf 2021, "Generic Attention-model Explainability", section 3.
    """
    return (weights * gradients).clamp_(min=0).mean(1)
