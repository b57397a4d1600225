"""BatchNorm by the statistics of its training, whose gradient is right however its tokens are laid out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def batch_norm(
    value: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return `functional.batch_norm`; of a variable, and by kept statistics, as a product and a sum.

    On a CPU torch (2.13) mistakes the gradient at a single map (1, D, H, W) whose memory was laid out as rows of
    tokens: it comes out mixed among channels, without a word.
    """
    if training or mean is None or variance is None or not (value.requires_grad and torch.is_grad_enabled()):
        return functional.batch_norm(value, mean, variance, weight, bias, training, momentum, eps)
    scale = torch.rsqrt(variance + eps) if weight is None else weight * torch.rsqrt(variance + eps)
    shift = -mean * scale if bias is None else bias - mean * scale
    shape: Any = (-1, *(1,) * (value.ndim - 2))
    return (value * scale.view(shape) + shift.view(shape)).to(value.dtype)


class BatchNormByFormula(TorchFunctionMode):
    """While active, BatchNorm of this thread is `batch_norm`; for gradients that are taken without capture."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer BatchNorm, and let everything else pass."""
        return (batch_norm if func is functional.batch_norm else func)(*args, **(kwargs or {}))
