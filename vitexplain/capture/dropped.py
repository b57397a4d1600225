"""DroppedTokens: a forward pass in which chosen tokens of each image are read by nobody."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from vitexplain.capture.attention import SOFTMAX, over_last_of_four

_MEAN = (torch.mean, Tensor.mean)


class DroppedTokens(TorchFunctionMode):
    """While active, tokens with `kept` (B, N) False are no key of any attention call and no part of a mean of tokens.

    As tokens meet in attention and in pooling only, the other tokens then are what they would be without them.
    `pooled` counts the means over tokens that were answered.
    """

    def __init__(self, kept: Tensor, prefix: int) -> None:
        super().__init__()
        self._kept = kept
        # A mean over tokens is known by how many it is taken over: all, or the patches alone.
        self._shares = {part.size(1): part / part.sum(1, keepdim=True) for part in (kept, kept[:, prefix:])}
        self.pooled = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer attention calls and means over tokens without the dropped ones, and let everything else pass."""
        kwargs = dict(kwargs or {})
        if func is functional.scaled_dot_product_attention:
            mask = kwargs.pop("attn_mask", args[3] if len(args) > 3 else None)
            causal = kwargs.pop("is_causal", args[5] if len(args) > 5 else False)
            query, key, value = args[:3]
            rest = {"attn_mask": self._mask(mask, causal, query, key), **kwargs}
            return functional.scaled_dot_product_attention(query, key, value, **rest)
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

    def _mask(self, mask: Tensor | None, causal: bool, query: Tensor, key: Tensor) -> Tensor:
        """Return what a fused call adds to its scores: the call's own mask, and nothing of the dropped keys."""
        kept = self._kept_of(key.size(-2))
        if causal:
            kept = kept & torch.ones(query.size(-2), key.size(-2), dtype=torch.bool, device=query.device).tril()
        if mask is None:
            return kept
        if mask.dtype == torch.bool:
            return mask & kept
        return mask.masked_fill(~kept, -torch.inf)
