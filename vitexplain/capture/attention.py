"""One forward pass that keeps attention: fused attention calls are seen and answered, their weights handed on.

Libraries compute attention through `torch.nn.functional.scaled_dot_product_attention`, so the weights never exist as
a tensor and hooks see nothing. A `TorchFunctionMode` around the forward pass sees every such call with its arguments;
it computes the softmax once, uses it for the output and hands it to the receiver. Models that compute softmax
themselves are caught at `softmax`, `nn.MultiheadAttention` at `multi_head_attention_forward`. The model is left exactly
as it was found: no hooks, no flags, no patches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitexplain.capture.call import AttentionCall, read_call, wide
from vitexplain.errors import ModelError

OnAttention = Callable[[Tensor, slice], None]
"""Receives post-softmax weights (b, H, Q, N) in float32 or better and which b images of the batch they belong to.

Calls come in the order of the layers; within a layer, in the order of the images, beginning with slice start 0.
Without gradients the tensor is overwritten once the receiver returns: to keep weights, copy them."""

SOFTMAX = (torch.softmax, Tensor.softmax, functional.softmax)


def capture(run: Callable[[Tensor], Tensor], given: Tensor, on_attention: OnAttention) -> Tensor:
    """Run a network, or a part of one, on what is given, and return its output; `on_attention` sees every attention.

    Gradients are recorded or not as the caller's context says. On a CPU and without gradients the weights are made
    image by image in one buffer that fits the cache, which costs about as much as the fused call.
    """
    with AttentionCapture(on_attention):
        return run(given)


class AttentionCapture(TorchFunctionMode):
    """While active, every attention call of this thread hands its weights to `on_attention`."""

    def __init__(self, on_attention: OnAttention) -> None:
        super().__init__()
        self._on_attention = on_attention

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer attention calls, and let everything else pass. The mode is not active inside its own answer."""
        kwargs = kwargs or {}
        result: Any
        if func is functional.scaled_dot_product_attention:
            return self._answer(read_call(*args, **kwargs))
        if func is functional.multi_head_attention_forward:
            result = func(*args, **{**kwargs, "need_weights": True, "average_attn_weights": False})
            answer, seen = result
            self._on_attention(wide(seen), slice(0, seen.size(0)))
            return answer, None
        result = func(*args, **kwargs)
        if func in SOFTMAX and over_last_of_four(args, kwargs):
            self._on_attention(wide(result), slice(0, result.size(0)))
        return result

    def _answer(self, call: AttentionCall) -> Tensor:
        """Return what the fused call returns."""
        query, value = call.query, call.value
        if query.ndim != 4:
            raise ModelError(
                f"the model's attention works on {query.ndim} dimensions; (batch, heads, tokens, channels) is supported"
            )
        if query.device.type == "cpu" and not torch.is_grad_enabled():
            return self._answer_by_image(call)
        scores = torch.matmul(wide(query) * call.scale, wide(call.key).transpose(-2, -1))
        bias = call.bias
        weights = torch.softmax(scores if bias is None else scores + bias, dim=-1)
        self._on_attention(weights, slice(0, query.size(0)))
        if call.dropout:
            weights = functional.dropout(weights, call.dropout)
        return torch.matmul(weights.to(value.dtype), value)

    def _answer_by_image(self, call: AttentionCall) -> Tensor:
        """Return the output (B, H, Q, D), one image at a time through one buffer of (H, Q, N)."""
        query, key, value, bias = call.query, call.key, call.value, call.bias
        batch, heads, queries, _ = query.shape
        weights = torch.empty(heads, queries, key.size(-2), dtype=wide(query[:0]).dtype)
        # Laid out as (B, Q, H, D): what follows attention joins the heads, and finds them side by side.
        output = torch.empty(batch, queries, heads, value.size(-1), dtype=value.dtype).transpose(1, 2)
        if bias is not None:
            bias = bias.expand(batch, heads, queries, key.size(-2))
        for image in range(batch):
            keys = wide(key[image]).transpose(-2, -1)
            torch.baddbmm(weights, wide(query[image]), keys, beta=0, alpha=call.scale, out=weights)
            if bias is not None:
                weights += bias[image]
            torch.softmax(weights, -1, out=weights)
            self._on_attention(weights[None], slice(image, image + 1))
            output[image] = torch.bmm(weights.to(value.dtype), value[image])
        return output


def over_last_of_four(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a softmax called with these arguments runs over the last of four dimensions, as attention's."""
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return bool(args) and args[0].ndim == 4 and dim in (-1, 3)
