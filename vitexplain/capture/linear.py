"""A linear function whose backward pass leaves out tokens that nothing above has read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def linear(value: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return `functional.linear`, with constant weights of tokens (B, N, D) by the cheaper backward pass.

    A classifier that reads the class token alone leaves the last block without gradients at all other tokens: most of
    that block's backward pass would multiply zeros.
    """
    constant = not weight.requires_grad and (bias is None or not bias.requires_grad)
    if value.ndim == 3 and value.requires_grad and constant and torch.is_grad_enabled():
        result: Tensor = _Linear.apply(value, weight, bias)  # type: ignore[no-untyped-call]
        return result
    return functional.linear(value, weight, bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return functional.linear(value, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (weight,) = ctx.saved_tensors
        gradient = gradients[0]
        if gradient[:, -1].any():  # as in all blocks but the last
            return gradient @ weight, None, None
        read = gradient.any(-1).any(0).nonzero()[:, 0]
        result = gradient.new_zeros(*gradient.shape[:2], weight.size(1))
        result[:, read] = gradient[:, read] @ weight
        return result, None, None
