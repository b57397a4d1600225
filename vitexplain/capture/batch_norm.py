"""Batch normalisation whose gradients are right: torch's own are not, on a CPU, where they come in another layout."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


class AffineBatchNorm(TorchFunctionMode):
    """While active, batch normalisation by running statistics is what it is: a product and a sum in each channel.

    torch 2.13's backward pass of it on a CPU takes gradients that are laid out channels last for channels first where
    its input is not laid out like them, and returns wrong numbers without a word.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer it, and let everything else pass."""
        if func is not functional.batch_norm:
            return func(*args, **(kwargs or {}))
        return _batch_norm(*args, **(kwargs or {}))


def _batch_norm(
    given: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if training or mean is None or variance is None:
        return functional.batch_norm(given, mean, variance, weight, bias, training, momentum, eps)
    scale = torch.rsqrt(variance + eps)
    scale = scale if weight is None else scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    channels = (-1, *(1,) * (given.ndim - 2))
    return given * scale.view(channels).to(given.dtype) + shift.view(channels).to(given.dtype)
