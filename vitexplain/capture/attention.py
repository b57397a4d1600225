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

from vitexplain.capture.attend import OnAttention, Watch, attend
from vitexplain.capture.call import AttentionCall, read_call, wide
from vitexplain.capture.linear import linear
from vitexplain.capture.multi_head import multi_head
from vitexplain.capture.traced_call import TracedCall
from vitexplain.errors import ModelError
from vitexplain.networks import Network

OnTraced = Callable[[TracedCall], None]
"""Receives attention calls that a backward pass can come by, in the order in which they end."""

SOFTMAX = (torch.softmax, Tensor.softmax, functional.softmax)


def capture(
    run: Callable[[Tensor], Tensor],
    given: Tensor,
    on_attention: OnAttention,
    on_traced: OnTraced = lambda _: None,
    *,
    heads_first: bool = False,
    at_dropout: bool = False,
) -> Tensor:
    """Run a network, or a part of one, on what is given, and return its output; `on_attention` sees every attention.

    Gradients are recorded or not as the caller's context says; `on_traced` sees the calls in their graph. Calls of five
    dimensions are of windows: (batch, windows, heads, ...), or, `heads_first`, (batch, heads, windows, ...).
    `at_dropout`: weights are those given to the dropout before the values, whatever was done after the softmax.
    """
    with AttentionCapture(on_attention, on_traced, heads_first=heads_first, at_dropout=at_dropout):
        return run(given)


def capture_network(
    network: Network,
    run: Callable[[Tensor], Tensor],
    pixels: Tensor,
    on_attention: OnAttention,
    on_traced: OnTraced = lambda _: None,
) -> Tensor:
    """Run a network, or what runs it, on pixels, its attention seen in the form that it has; none without a graph."""
    if network.graphless:
        return run(pixels)
    first, at_dropout = network.heads_first, network.at_dropout
    return capture(run, pixels, on_attention, on_traced, heads_first=first, at_dropout=at_dropout)


class AttentionCapture(TorchFunctionMode):
    """While active, every attention call of this thread hands its weights to `on_attention`."""

    def __init__(
        self,
        on_attention: OnAttention,
        on_traced: OnTraced = lambda _: None,
        *,
        heads_first: bool = False,
        at_dropout: bool = False,
    ) -> None:
        super().__init__()
        self._on_attention, self._on_traced, self._heads_first = on_attention, on_traced, heads_first
        self._at_dropout = at_dropout

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer attention calls, and let everything else pass. The mode is not active inside its own answer."""
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            return self._answer(read_call(*args, **kwargs))
        if func is functional.multi_head_attention_forward:
            return multi_head(self._answer, *args, **kwargs)
        if func is functional.linear:
            return linear(*args, **kwargs)
        result: Any = func(*args, **kwargs)
        if self._at_dropout:
            if func is functional.dropout and result.ndim == 4:
                self._see(wide(result))
        elif func in SOFTMAX and over_last_of_four(args, kwargs):
            self._see(wide(result))
        return result

    def _answer(self, call: AttentionCall) -> Tensor:
        """Return what the fused call returns."""
        query, value = call.query, call.value
        if query.ndim == 5:
            return self._answer_windows(call)
        if query.ndim != 4:
            raise ModelError(
                f"the model's attention works on {query.ndim} dimensions; (batch, heads, tokens, channels) is "
                "supported, windows as one more, too"
            )
        bias = call.bias
        if call.dropout or (bias is not None and bias.requires_grad):
            scores = torch.matmul(wide(query) * call.scale, wide(call.key).transpose(-2, -1))
            weights = torch.softmax(scores if bias is None else scores + bias, dim=-1)
            self._see(weights)
            return torch.matmul(functional.dropout(weights, call.dropout).to(value.dtype), value)
        watch = Watch()
        attended = attend(call, self._on_attention, watch)
        if attended.requires_grad:
            self._on_traced(TracedCall(attended, watch))
        return attended

    def _answer_windows(self, call: AttentionCall) -> Tensor:
        """Return what a call of windows of pictures returns; each window is a picture here."""
        attended = self._answer(call.folded(heads_first=self._heads_first))
        if self._heads_first:
            return attended.reshape(len(call.query), -1, *attended.shape[1:]).transpose(1, 2)
        return attended.reshape(*call.query.shape[:-1], call.value.size(-1))

    def _see(self, weights: Tensor) -> None:
        """Hand on weights that the graph, if there is one, goes through."""
        self._on_attention(weights.detach(), slice(0, weights.size(0)))
        if weights.requires_grad:
            self._on_traced(TracedCall(weights))


def over_last_of_four(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a softmax called with these arguments runs over the last of four dimensions, as attention's."""
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return bool(args) and args[0].ndim == 4 and dim in (-1, 3)
