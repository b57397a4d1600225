"""Attention written out: the weights of a call are made, seen and used image by image, also in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vitexplain.capture.call import AttentionCall, wide

OnAttention = Callable[[Tensor, slice], None]
"""Receives post-softmax weights (b, H, Q, N) in float32 or better and which b images of the batch they belong to.

Calls come in the order of the layers; within a layer, in the order of the images, beginning with slice start 0.
The tensor may be overwritten once the receiver returns: to keep weights, copy them."""

OnGradient = Callable[[Tensor, Tensor, slice], None]
"""Receives weights (b, H, Q, N), the gradient at them, and which images they belong to; as with `OnAttention`."""


@dataclass(eq=False)
class Watch:
    """Who is handed the gradient at the weights when a backward pass comes by; nobody at first."""

    receiver: OnGradient | None = None


def attend(call: AttentionCall, on_attention: OnAttention, watch: Watch) -> Tensor:
    """Return what the fused call returns (B, H, Q, D), differentiable in queries, keys and values.

    Only the weights are kept for a backward pass, if there can be one. On a CPU each image's weights, and the gradient
    at them, are made in a buffer that fits the cache, which costs about as much as the fused call; elsewhere the batch
    is computed at once. Dropout is left out, and the mask is a constant.
    """
    attended: Tensor = _Attend.apply(  # type: ignore[no-untyped-call]
        call.query, call.key, call.value, call.bias, call.scale, on_attention, watch
    )
    return attended


@torch.no_grad()
def hand_over(attended: Tensor, gradient: Tensor, receiver: OnGradient) -> None:
    """Hand the gradient at the weights over, for the gradient at the output (B, H, Q, D) that `attend` returned."""
    made_by: Any = attended.grad_fn
    _, _, value, weights = made_by.saved_tensors
    for images in _portions(gradient):
        arriving = torch.matmul(wide(gradient[images]), wide(value[images]).transpose(2, 3))
        receiver(weights[images], arriving, images)


def _portions(tensor: Tensor) -> Iterator[slice]:
    """Yield which images, of the first dimension, are computed together."""
    for start in range(0, tensor.size(0), _together(tensor)):
        yield slice(start, start + _together(tensor))


def _together(tensor: Tensor) -> int:
    return 1 if tensor.device.type == "cpu" else tensor.size(0)


def _by_head(tensor: Tensor) -> Tensor:
    """Return (b * H, N, D) of (b, H, N, D): a view for a single image, however it is laid out."""
    return wide(tensor).flatten(0, 1)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        bias: Tensor | None,
        scale: float,
        on_attention: OnAttention,
        watch: Watch,
    ) -> Tensor:
        batch, heads, queries, _ = query.shape
        keeps = any(ctx.needs_input_grad)
        shape = (heads, queries, key.size(2))
        kept = torch.empty(
            batch if keeps else _together(query), *shape, dtype=wide(query[:0]).dtype, device=query.device
        )
        if bias is not None:
            bias = bias.expand(batch, *shape)
        # Laid out as (B, Q, H, D): what follows attention joins the heads, and finds them side by side.
        output = value.new_empty(batch, queries, heads, value.size(3)).transpose(1, 2)
        for images in _portions(query):
            weights = kept[images] if keeps else kept
            flat = weights.flatten(0, 1)
            keys = _by_head(key[images]).transpose(1, 2)
            torch.baddbmm(flat, _by_head(query[images]), keys, beta=0, alpha=scale, out=flat)
            if bias is not None:
                weights += bias[images]
            torch.softmax(flat, -1, out=flat)
            on_attention(weights, images)
            output[images] = torch.bmm(flat.to(value.dtype), value[images].flatten(0, 1)).view(output[images].shape)
        if keeps:
            ctx.save_for_backward(query, key, value, kept)
            ctx.scale, ctx.watch = scale, watch
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        query, key, value, kept = ctx.saved_tensors
        needed = ctx.needs_input_grad[:3]
        found = [torch.empty(each.shape, dtype=kept.dtype, device=kept.device) for each in (query, key, value)]
        buffer = torch.empty_like(kept[: _together(kept)])
        flat = buffer.flatten(0, 1)
        for images in _portions(kept):
            weights, arriving = kept[images].flatten(0, 1), _by_head(gradients[0][images])
            to_query, to_key, to_value = (each[images].flatten(0, 1) for each in found)
            if needed[2]:
                torch.bmm(weights.transpose(1, 2), arriving, out=to_value)
            if not (needed[0] or needed[1] or ctx.watch.receiver):
                continue
            torch.bmm(arriving, _by_head(value[images]).transpose(1, 2), out=flat)
            if ctx.watch.receiver:
                ctx.watch.receiver(kept[images], buffer, images)
            flat.mul_(weights)
            flat.addcmul_(weights, flat.sum(-1, keepdim=True), value=-1)
            if needed[0]:
                torch.baddbmm(to_query, flat, _by_head(key[images]), beta=0, alpha=ctx.scale, out=to_query)
            if needed[1]:
                turned = flat.transpose(1, 2)
                torch.baddbmm(to_key, turned, _by_head(query[images]), beta=0, alpha=ctx.scale, out=to_key)
        given = zip(found, (query, key, value), needed, strict=True)
        return *(each.to(of.dtype) if need else None for each, of, need in given), None, None, None, None
