"""Gradients of a logit at the attention and the patch embeddings of a traced forward pass, from one backward pass."""

from __future__ import annotations

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

    attention: the weights of every attention call in order, fused by their gradient, (B, N, N), or (B, 1, N) for an
    attention pool. embeddings: the gradient with respect to the patch embeddings, shaped like these.
    """

    attention: tuple[Tensor, ...]
    embeddings: Tensor


def gradients_of(logit: Tensor, traced: Trace) -> Gradients:
    """Return the gradients of a logit, a number, that was computed from the traced output.

    Each call's gradient (B, H, Q, N) is fused when the backward pass comes by, so that never more than one is kept.
    """
    fused: dict[int, Tensor] = {}

    def take(call: int, gradient: Tensor) -> None:
        fused[call] = fuse_by_gradient(traced.calls[call].detach(), gradient)

    watched: list[Any] = []
    for call, weights in enumerate(traced.calls):
        watched.append(weights.register_hook(partial(take, call)))  # type: ignore[no-untyped-call]
    try:
        (embeddings,) = torch.autograd.grad(logit, traced.embeddings, retain_graph=True)
    finally:
        for watch in watched:
            watch.remove()
    return Gradients(tuple(fused[call] for call in range(len(traced.calls))), embeddings)
