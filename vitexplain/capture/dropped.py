"""DroppedTokens: a forward pass in which no token reads the chosen tokens of each image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitexplain.capture.attention import SOFTMAX, over_last_of_four
from vitexplain.capture.call import read_call

_MEAN = (torch.mean, Tensor.mean)


class DroppedTokens(TorchFunctionMode):
    """While active, attention calls and means over tokens leave out the tokens with `kept` (B, N) False.

    Tokens meet only in attention and in pooling, so the others become what they would be without them. `pooled` counts
    the means that were answered.
    """

    def __init__(self, kept: Tensor, prefix: int) -> None:
        super().__init__()
        self._kept = kept
        # A mean over tokens is recognised by their number: all, or the patches alone.
        self._shares = {part.size(1): part / part.sum(1, keepdim=True) for part in (kept, kept[:, prefix:])}
        self.pooled = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer attention calls and means over tokens without the dropped ones, and let everything else pass."""
        kwargs = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            call = read_call(*args, **kwargs)
            return call.among(self._kept_of(call.key.size(-2)))()
        if func is functional.multi_head_attention_forward:
            return func(*args, **{**kwargs, "key_padding_mask": ~self._kept})
        if func in SOFTMAX and over_last_of_four(args, kwargs):
            return func(args[0].masked_fill(~self._kept_of(args[0].size(-1)), -torch.inf), *args[1:], **kwargs)
        if func in _MEAN and args[0].ndim == 3 and kwargs.get("dim", args[1] if len(args) > 1 else None) == 1:
            shares = self._shares.get(args[0].size(1))
            if shares is not None:
                self.pooled += 1
                return (shares.to(args[0].dtype)[:, None] @ args[0])[:, 0]
        return func(*args, **kwargs)

    def _kept_of(self, keys: int) -> Tensor:
        """Return which keys are kept (B, 1, 1, keys), of a call over all tokens or over the patches alone."""
        return self._kept[:, None, None, -keys:]
