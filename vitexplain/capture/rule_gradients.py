"""Functions with the values of torch's own and the gradients of a relevance rule: R = x * g for every variable x."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def through(value: Tensor, result: Tensor, slope: float) -> Tensor:
    """Return an activation f(x) as x times the constant f(x) / x, so that x takes all of its relevance.

    The identity rule (Achtibat et al. 2024, equation 9). At x = 0 the constant is the `slope` there.
    """
    handed: Tensor = _Through.apply(value, result.detach(), slope)  # type: ignore[no-untyped-call]
    return handed


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, result: Tensor, slope: float) -> Tensor:
        # Of the values only 0 makes NaN of a number; a result that is NaN stays one.
        ctx.save_for_backward((result / value).nan_to_num_(nan=slope))
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (share,) = ctx.saved_tensors
        return gradients[0] * share, None, None


def power(value: Tensor, exponent: int) -> Tensor:
    """Return x to a whole power from 2, a product whose equal factors share its relevance: g = y / x."""
    return value * torch.pow(value.detach(), exponent - 1)


def normalized(value: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, **_out: None) -> Tensor:
    """Return what `functional.normalize` returns for these arguments, the norm taken as a constant."""
    norm: Tensor = torch.linalg.vector_norm(value.detach(), p, dim, keepdim=True)
    return value / norm.clamp_min(eps)


def rms_norm(value: Tensor, shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Return the RMSNorm, the root of the mean square taken as a constant (as proposition 3.4 for LayerNorm)."""
    with torch.no_grad():
        square = value.pow(2).mean(tuple(range(-len(list(shape)), 0)), keepdim=True)
        inverse = torch.rsqrt(square + (torch.finfo(value.dtype).eps if eps is None else eps))
    normed = value * inverse
    return normed if weight is None else normed * weight


def layer_norm(
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
        return scaled.sub_(scaled.mean(ctx.dims, keepdim=True)), None, None, None, None


def halved(product: Tensor) -> Tensor:
    """Return the product of two variables, each of which takes half of its relevance (uniform rule, equation 7)."""
    shared: Tensor = _Halved.apply(product)  # type: ignore[no-untyped-call]
    return shared


class _Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)
        return value.detach()  # no view, which could not be written into

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Tensor | None:  # noqa: ARG004 - autograd passes it
        return None if gradients[0] is None else gradients[0] / 2


def leaning_sum(left: Tensor, right: Tensor, gamma: float) -> Tensor:
    """Return y = a + b, whose relevance leans towards what has the sum's sign.

    g_a = w(a) y / (w(a) a + w(b) b) g with w(z) = 1 + gamma [z y > 0], channel by channel. Where y is 0 there is no
    relevance to share: the gradient passes as it is.
    """
    total: Tensor = _LeaningSum.apply(left, right, gamma)  # type: ignore[no-untyped-call]
    return total


class _LeaningSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, gamma: float) -> Tensor:
        ctx.save_for_backward(left, right)
        ctx.gamma = gamma
        return left + right

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        left, right = ctx.saved_tensors
        total = left + right
        of_left, of_right = (1 + ctx.gamma * (each * total > 0) for each in (left, right))
        weighed = of_left * left + of_right * right
        # The part with the sum's sign is the larger one, so that this is 0 only where the sum is.
        share = torch.where(weighed == 0, 1.0, total / weighed.masked_fill(weighed == 0, 1.0)) * gradients[0]
        return share * of_left, share * of_right, None


def stopped(value: Tensor) -> Tensor:
    """Return the value with a gradient of its own, which goes no further down."""
    same: Tensor = _Stopped.apply(value)  # type: ignore[no-untyped-call]
    return same


class _Stopped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ARG004 - autograd passes it
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:  # noqa: ARG004
        return None
