"""AttentionCall: the arguments of one `scaled_dot_product_attention`, read in one place for all modes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """Queries (..., Q, D), keys and values (..., N, D), with the same heads; causal calls have their mask written out.

    `mask`: boolean (True: may be read) or added to the scores; None: none. `scale` multiplies the scores.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    dropout: float
    scale: float

    @property
    def bias(self) -> Tensor | None:
        """What is added to the scores, in float32 or better, or None."""
        if self.mask is None:
            return None
        if self.mask.dtype == torch.bool:
            return torch.zeros(self.mask.shape, device=self.mask.device).masked_fill_(~self.mask, -torch.inf)
        return wide(self.mask)

    def among(self, kept: Tensor) -> AttentionCall:
        """Return the call in which only keys that are `kept` (boolean, broadcast over queries) may be read."""
        if self.mask is None:
            mask = kept
        elif self.mask.dtype == torch.bool:
            mask = self.mask & kept
        else:
            mask = self.mask.masked_fill(~kept, -torch.inf)
        return replace(self, mask=mask)

    def folded(self, *, heads_first: bool = False) -> AttentionCall:
        """Return a call of (batch, windows, heads, ...) as one of (batch * windows, heads, ...).

        `heads_first`: heads come before the windows.
        """
        mask = self.mask
        if mask is not None:
            mask = mask.expand(*self.query.shape[:-1], self.key.size(-2))
        given = (self.query, self.key, self.value, *([] if mask is None else [mask]))
        parts = [(each.transpose(1, 2) if heads_first else each).flatten(0, 1) for each in given]
        query, key, value = parts[:3]
        return replace(self, query=query, key=key, value=value, mask=None if mask is None else parts[3])

    def __call__(self) -> Tensor:
        """Return what the fused call returns."""
        return functional.scaled_dot_product_attention(
            self.query, self.key, self.value, self.mask, self.dropout, scale=self.scale
        )


def read_call(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> AttentionCall:
    """Return the call with these arguments, those of `scaled_dot_product_attention`."""
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    if is_causal:
        attn_mask = torch.ones(query.size(-2), key.size(-2), dtype=torch.bool, device=query.device).tril()
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    return AttentionCall(query, key, value, attn_mask, dropout_p, scale)


def wide(tensor: Tensor) -> Tensor:
    """Return the tensor in float32, or as it is if it is float32 or float64."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
