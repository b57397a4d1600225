"""Gradients of a logit at the attention and the beginning of a traced forward pass, from one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vitexplain.attention import fuse_by_gradient
from vitexplain.capture.trace import Trace


@dataclass(frozen=True, eq=False)
class Gradients:
    """What the gradients of the target's logit say, detached, one entry an image.

    attention: by the number of its layer, from that at which the trace begins, the attention fused by its gradient,
    (B, N, N); an attention pool, (B, 1, N), is layer L + 1. begin: the gradient at the tensor at which the trace
    begins, shaped like it.
    """

    attention: Mapping[int, Tensor]
    begin: Tensor


def gradients_of(logit: Tensor, traced: Trace) -> Gradients:
    """Return the gradients of a logit, a number, that was computed from the traced output.

    Each call's gradient (B, H, Q, N) is fused as the backward pass reaches it, so that only one is kept at a time.
    """
    fused: dict[int, Tensor] = {}

    def take(layer: int, gradient: Tensor) -> None:
        fused[layer] = fuse_by_gradient(traced.calls[layer - traced.first].detach(), gradient)

    watched: list[Any] = []
    for layer, weights in enumerate(traced.calls, traced.first):
        watched.append(weights.register_hook(partial(take, layer)))  # type: ignore[no-untyped-call]
    try:
        (begin,) = torch.autograd.grad(logit, traced.begin, retain_graph=True)
    finally:
        for watch in watched:
            watch.remove()
    return Gradients(fused, begin)
