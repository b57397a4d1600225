"""RelevanceRules: a forward pass whose gradients, times the input, are relevance by the rules of AttnLRP.

Achtibat et al. 2024, "AttnLRP: Attention-Aware Layer-wise Relevance Propagation for Transformers", ICML. Each rule is
written as the gradient that, times the value it belongs to, is the relevance: R = x * g. In these terms the epsilon
rule for linear functions (equation 8, epsilon 0; biases take their part) is the ordinary gradient. So are the rules for
sums, such as residual connections, and for the softmax (proposition 3.1). The others are below.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitexplain.capture.call import AttentionCall, read_call
from vitexplain.errors import ModelError

_LINEAR_NAMES = """
add cat chunk clone contiguous conv1d conv2d detach dropout expand expand_as flatten flip float getitem linear mean
movedim narrow neg permute radd repeat reshape reshape_as roll rsub select softmax split split_with_sizes squeeze
stack sub sum swapaxes swapdims to transpose type type_as unbind unflatten unsqueeze view view_as
"""
_LINEAR = frozenset(_LINEAR_NAMES.split())
_PRODUCTS = frozenset(("bmm", "matmul", "rmatmul", "mul", "rmul", "multiply"))
_QUOTIENTS = frozenset(("div", "divide", "true_divide", "truediv"))
_OPERATOR = re.compile(r"__i?(\w+?)__")


class RelevanceRules(TorchFunctionMode):
    """While active, what this thread computes with gradients on is differentiated by the rules of AttnLRP.

    ModelError for a function of a variable that has no rule here; functions of constants are let through.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self._model = model

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer with the same value and another gradient. The mode is not active inside its own answer."""
        kwargs = kwargs or {}
        if not any(_varies(value) for value in (*args, *kwargs.values())):
            return func(*args, **kwargs)
        if func is functional.layer_norm:
            return _layer_norm(*args, **kwargs)
        if func is functional.gelu:
            return _gelu(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            return self._attention(read_call(*args, **kwargs))
        name = _name(func)
        if name in _PRODUCTS:
            result = func(*args, **kwargs)
            return _halved(result) if sum(map(_varies, args)) > 1 else result
        if name in _LINEAR or (name in _QUOTIENTS and not _varies(args[1])):
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if _varies(result):
            raise self._no_rule(name)
        return result

    def _attention(self, call: AttentionCall) -> Tensor:
        """Return softmax(q k scale + mask) v, both products shared between their factors (proposition 3.3)."""
        if call.dropout:
            raise self._no_rule("dropout of attention")
        query, key, value = call.query, call.key, call.value
        if _varies(query) and _varies(key):
            query, key = _halved(query), _halved(key)
        scores = (query * call.scale) @ key.transpose(-2, -1)
        if call.mask is not None and call.mask.dtype == torch.bool:
            scores = scores.masked_fill(~call.mask, -torch.inf)
        elif call.mask is not None:
            scores = scores + call.mask
        weights = scores.softmax(-1)
        result = weights @ value
        return _halved(result) if _varies(weights) and _varies(value) else result

    def _no_rule(self, name: str) -> ModelError:
        return ModelError(
            f"attn-lrp has no rule for '{name}', which model '{self._model}' computes: it explains plain pre-norm ViTs "
            "(LayerNorm, GELU, no gates); use relevance or legrad"
        )


def _name(func: Any) -> str:
    """Return the name of a torch function, the same for `x.add(y)`, `x + y` and `x += y`; `radd` for `2 + x`."""
    name = getattr(func, "__name__", str(func))
    operator = _OPERATOR.fullmatch(name)
    return operator[1] if operator else name.strip("_")


def _varies(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_varies(item) for item in value)
    return isinstance(value, Tensor) and value.requires_grad


def _gelu(value: Tensor, approximate: str = "none") -> Tensor:
    """Return GELU, whose relevance goes to its only input whole (identity rule, equation 9): g = y / x."""
    with torch.no_grad():
        share = functional.gelu(value, approximate=approximate) / value
        share.masked_fill_(value == 0, 0.5)
    return value * share


def _layer_norm(
    value: Tensor, shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Return the LayerNorm, its standard deviation taken as a constant (proposition 3.4), which makes it linear."""
    normed: Tensor = _LayerNorm.apply(value, list(shape), weight, bias, eps)  # type: ignore[no-untyped-call]
    return normed


class _LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, value: Tensor, shape: list[int], weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> Any:
        result, _, inverse = torch.native_layer_norm(value, shape, weight, bias, eps)
        ctx.save_for_backward(inverse, weight)
        ctx.dims = tuple(range(-len(shape), 0))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        inverse, weight = ctx.saved_tensors
        scaled = gradients[0] * inverse if weight is None else gradients[0] * weight * inverse
        return scaled - scaled.mean(ctx.dims, keepdim=True), None, None, None, None


def _halved(product: Tensor) -> Tensor:
    """Return the product of two variables, each of which takes half of its relevance (uniform rule, equation 7)."""
    shared: Tensor = _Halved.apply(product)  # type: ignore[no-untyped-call]
    return shared


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ARG004 - autograd passes it
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return gradients[0] / 2
