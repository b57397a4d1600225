"""Gradients of a logit at the attention and the beginning of a traced forward pass, from one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from vitexplain.attention import fuse_by_gradient
from vitexplain.capture.trace import Trace


@dataclass(frozen=True, eq=False)
class Gradients:
    """What the gradients of the target's logit say, detached, one entry an image.

    attention: by the number of its layer, from that at which the trace begins, the attention fused by its gradient,
    (B, N, N); an attention pool, (B, 1, N), is layer L + 1. begin: the gradient at the patch
    embeddings, shaped like them; None where the trace begins at a higher layer, whose attention is all that is asked.
    """

    attention: Mapping[int, Tensor]
    begin: Tensor | None


def gradients_of(logit: Tensor, traced: Trace) -> Gradients:
    """Return the gradients of a logit, a number, that was computed from the traced output.

    Each call's gradient (b, H, Q, N) is fused as the backward pass reaches it, so that only one is kept at a time.
    """
    fused: dict[int, Tensor] = {}

    def take(layer: int, weights: Tensor, gradient: Tensor, images: slice) -> None:
        if layer not in fused:
            fused[layer] = weights.new_empty(len(traced.output), *weights.shape[2:])
        fused[layer][images] = fuse_by_gradient(weights, gradient)

    lowest, *others = traced.calls
    with ExitStack() as watching:
        for layer, call in enumerate(others, traced.first + 1):
            watching.enter_context(call.watched(partial(take, layer)))
        if traced.first > 1:
            (gradient,) = torch.autograd.grad(logit, lowest.node, retain_graph=True)
            lowest.hand_over(gradient, partial(take, traced.first))
            return Gradients(fused, None)
        watching.enter_context(lowest.watched(partial(take, 1)))
        (begin,) = torch.autograd.grad(logit, traced.begin, retain_graph=True)
    return Gradients(fused, begin)
