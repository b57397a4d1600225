"""RelevanceRules: a forward pass whose gradients, times the input, are relevance by the rules of AttnLRP or LibraGrad.

Achtibat et al. 2024, "AttnLRP: Attention-Aware Layer-wise Relevance Propagation for Transformers", ICML; Mehri et al.
2025, "LibraGrad: Balancing Gradient Flow for Universally Better Vision Transformer Attributions", CVPR. Each rule is
written as the gradient that, times the value it belongs to, is the relevance: R = x * g. In these terms the epsilon
rule for linear functions (equation 8 of AttnLRP, epsilon 0; biases take their part) is the ordinary gradient. So are
the rules for sums, such as residual connections, and AttnLRP's for the softmax (proposition 3.1). The others are in
rule_gradients.py, or hold something constant: the deviation that a norm divides by, the gate that multiplies a
variable, and for LibraGrad the attention weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitexplain.capture.attention import SOFTMAX, over_last_of_four
from vitexplain.capture.call import AttentionCall, read_call
from vitexplain.capture.linear import linear
from vitexplain.capture.multi_head import multi_head
from vitexplain.capture.rule_gradients import (
    halved,
    layer_norm,
    leaning_sum,
    normalized,
    power,
    rms_norm,
    stopped,
    through,
)
from vitexplain.errors import ModelError
from vitexplain.networks import Layout, dimensions

_LINEAR_NAMES = """
adaptive_avg_pool1d adaptive_avg_pool2d add amax avg_pool1d avg_pool2d cat chunk clone contiguous conv1d conv2d detach
dropout expand expand_as flatten flip float getitem leaky_relu masked_fill max_pool2d mean movedim narrow neg pad
permute radd relu repeat repeat_interleave reshape reshape_as roll rsub select setitem softmax split split_with_sizes
squeeze stack sub sum swapaxes swapdims to transpose type type_as unbind unflatten unsqueeze view view_as
"""
_LINEAR = frozenset(_LINEAR_NAMES.split())
"""Linear functions, and maxima, which hand on one of their values as it is."""
_PRODUCTS = frozenset(("bmm", "einsum", "matmul", "rmatmul", "mul", "rmul", "multiply"))
_QUOTIENTS = frozenset(("div", "divide", "true_divide", "truediv"))
_HELD = frozenset(("linalg_vector_norm", "norm", "rsqrt", "sigmoid", "sqrt", "std", "var", "vector_norm"))
"""Deviations and gates: what multiplies or divides a variable, and is held constant there."""
_THROUGH = {"gelu": 0.5, "hardswish": 0.5, "silu": 0.5, "tanh": 1.0}
"""Activations, which hand on all, with their slope at 0."""
_WHOLE: dict[Any, Any] = {
    functional.layer_norm: layer_norm,
    functional.linear: linear,
    functional.rms_norm: rms_norm,
    torch.rms_norm: rms_norm,
    functional.normalize: normalized,
}
_TRANSPOSED = (Tensor.T.__get__, Tensor.mT.__get__)  # type: ignore[attr-defined]
_OPERATOR = re.compile(r"__i?(\w+?)__")


@dataclass(frozen=True)
class Rules:
    """Which rules: of the method `name`; `residual` is gamma at sums (see `leaning_sum`).

    `attention`: its weights are followed down to queries and keys, held constant, or seen: held constant for what lies
    below, but with a gradient of their own.
    """

    name: str
    residual: float = 0.0
    attention: str = "followed"


ATTN_LRP = Rules("attn-lrp")
LIBRA = Rules("libra", attention="constant")
LIBRA_ATTENTION = Rules("libra", attention="seen")
AT_ATTENTION: Mapping[str, Rules | None] = {"plain": None, "libra": LIBRA_ATTENTION, "attn-lrp": ATTN_LRP}
"""By name, the rules of gradients at the attention; plain is autograd's own gradient."""


class RelevanceRules(TorchFunctionMode):
    """While active, what this thread computes with gradients on is differentiated by the rules.

    ModelError for a function of a variable that has no rule here; functions of constants are let through.
    """

    def __init__(self, model: str, rules: Rules = ATTN_LRP, layout: Layout = "BND") -> None:
        super().__init__()
        self._token_dims = {3, dimensions(layout)}
        self._model, self._rules = model, rules
        self._held: dict[int, tuple[Tensor, str]] = {}
        self._gates: dict[int, Tensor] = {}
        self._sums: dict[int, tuple[Tensor, Tensor]] = {}

    def run(self, function: Callable[[Tensor], Tensor], given: Tensor) -> Tensor:
        """Return what a function returns under the rules; ModelError if what is held constant ends the way to it."""
        try:
            with self:
                output = function(given)
        except RuntimeError as error:
            # autograd's word for a change of what one of the rules returned
            if "modified inplace" not in str(error):
                raise
            raise self._no_rule("a change in place") from error
        if not output.requires_grad:
            raise self._no_rule(next((name for _, name in reversed(self._held.values())), "detach"))
        return output

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer with the same value and another gradient. The mode is not active inside its own answer."""
        kwargs = kwargs or {}
        given = list(_tensors((*args, *kwargs.values())))
        varying = [tensor for tensor in given if self._varies(tensor)]
        if not varying:
            return self._constant(given, func(*args, **kwargs))
        if func in _WHOLE:
            return _WHOLE[func](*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            return self._attention(read_call(*args, **kwargs))
        if func is functional.multi_head_attention_forward:
            return multi_head(self._attention, *args, **kwargs)
        return self._by_name(func, given, varying, args, kwargs)

    def _by_name(
        self, func: Any, given: list[Tensor], varying: list[Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Answer a function that is known by its name, whichever of torch's functions of that name it is."""
        name = _name(func)
        exponent = 2 if name == "square" else _exponent(args, kwargs) if name == "pow" else None
        if exponent in (2, 3, 4):
            return power(varying[0], int(exponent))
        if name in _THROUGH:
            kwargs = {**kwargs, "inplace": False} if "inplace" in kwargs else kwargs
            result = through(varying[0], func(varying[0], **kwargs), _THROUGH[name])
            return self._as_gate(result) if name == "tanh" else result
        if self._leans(name, varying, kwargs):
            return leaning_sum(varying[0], varying[1], self._rules.residual)
        # A softmax that a classifier ends in is none of attention's.
        attention = self._rules.attention if func in SOFTMAX and over_last_of_four(args, kwargs) else "followed"
        if attention == "seen":
            return self._hold(name, func(stopped(args[0]), *args[1:], **kwargs))
        if name in _PRODUCTS and len([each for each in varying if id(each) not in self._gates]) == 1:
            # A gate, such as 1 + tanh, that multiplies a variable is held constant there.
            args = tuple(each.detach() if id(each) in self._gates else each for each in args)
            varying = varying[:1]
        if name in _QUOTIENTS and self._is_own_sum(*args[:2]):
            # Weights divided by their sum: the sum is held constant, as a norm's deviation.
            return func(args[0], args[1].detach())
        result = func(*args, **kwargs)
        if name == "sum" or (name == "unsqueeze" and id(args[0]) in self._sums):
            self._sums[id(result)] = result, self._sums[id(args[0])][1] if name == "unsqueeze" else args[0]
        if attention == "constant":
            return result.detach()
        if name in _HELD or exponent in (0.5, -0.5):
            return self._hold(name, result.detach())
        if name in _PRODUCTS or (name in _QUOTIENTS and not self._varies(args[1])):
            return halved(result) if len(varying) > 1 else result
        if name in ("add", "radd") and len(varying) == 1 and id(varying[0]) in self._gates:
            return self._as_gate(result)
        held = [self._held[id(tensor)][1] for tensor in given if id(tensor) in self._held]
        if any(map(self._varies, _tensors((result,)))) and (held or not _is_linear(func, name, args, kwargs)):
            raise self._no_rule(held[0] if held else name)
        return result

    def _is_own_sum(self, value: Any, divisor: Any) -> bool:
        """Return whether a variable is divided by a sum of its own numbers."""
        found = self._sums.get(id(divisor))
        return found is not None and found[1] is value

    def _leans(self, name: str, varying: list[Tensor], kwargs: dict[str, Any]) -> bool:
        """Return whether a function is the sum of a residual connection: of two variables (B, N, D), and gamma is set.

        Or (B, rows, cols, D) where the blocks' tokens are maps; sums over heads (B, H, N, D), as those of rotary
        positions, are none otherwise.
        """
        if not self._rules.residual or name != "add" or kwargs or len(varying) != 2:
            return False
        return varying[0].ndim in self._token_dims and varying[0].shape == varying[1].shape

    def _attention(self, call: AttentionCall) -> Tensor:
        """Return softmax(q k scale + mask) v, both products shared between their factors (proposition 3.3)."""
        if call.dropout:
            raise self._no_rule("dropout of attention")
        query, key, value = call.query, call.key, call.value
        if self._rules.attention != "followed":  # a gradient that is seen is one that comes by
            return replace(call, query=query.detach(), key=key.detach())()
        if self._varies(query) and self._varies(key):
            query, key = halved(query), halved(key)
        result = replace(call, query=query, key=key)()
        weights_vary = self._varies(query) or self._varies(key)
        return halved(result) if weights_vary and self._varies(value) else result

    def _varies(self, value: Any) -> bool:
        return isinstance(value, Tensor) and value.requires_grad and id(value) not in self._held

    def _hold(self, name: str, constant: Tensor) -> Tensor:
        """Return a tensor, which is from now on held constant; `name` is that of the function that made it."""
        self._held[id(constant)] = constant, name
        return constant

    def _as_gate(self, value: Tensor) -> Tensor:
        """Return a variable that is held constant where it multiplies another one."""
        self._gates[id(value)] = value
        return value

    def _constant(self, given: list[Tensor], result: Any) -> Any:
        """Return the result of a function of constants; of one that is held constant, it is held constant, too."""
        for tensor, name in [self._held[id(tensor)] for tensor in given if id(tensor) in self._held]:
            # Weights that are seen have a gradient, copies of them without one are of no further interest.
            if isinstance(result, Tensor) and result.requires_grad == tensor.requires_grad:
                self._hold(name, result)
        return result

    def _no_rule(self, name: str) -> ModelError:
        return ModelError(
            f"{self._rules.name} has no rule for '{name}', which model '{self._model}' computes: it explains ViTs of "
            "linear layers, softmax attention, LayerNorm or RMSNorm, GELU, SiLU and gates; use integrated-gradients"
        )


def _name(func: Any) -> str:
    """Return the name of a torch function, the same for `x.add(y)`, `x + y` and `x += y`; `radd` for `2 + x`."""
    name = getattr(func, "__name__", str(func))
    operator = _OPERATOR.fullmatch(name)
    return operator[1] if operator else name.strip("_")


def _is_linear(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether a function is linear, but for a constant; BatchNorm is by the statistics of its training."""
    if name == "batch_norm":
        return not kwargs.get("training", args[5] if len(args) > 5 else False)
    return name in _LINEAR or func in _TRANSPOSED


def _exponent(args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
    """Return the exponent of a power, None if it is a tensor."""
    given = kwargs.get("exponent", args[1] if len(args) > 1 else None)
    return given if isinstance(given, int | float) else None


def _tensors(values: Any) -> Iterator[Tensor]:
    """Yield the tensors among values, also those in lists and tuples."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
