"""What `nn.MultiheadAttention` computes, taken apart around one attention call, so that all modes see it the same way.

`multi_head_attention_forward` projects, attends and projects in one function that no mode sees into; the weights that
it can return are a copy beside the graph of gradients.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vitexplain.capture.call import AttentionCall
from vitexplain.errors import ModelError

_SIGNATURE = inspect.signature(functional.multi_head_attention_forward)


def multi_head(attend: Callable[[AttentionCall], Tensor], *args: Any, **kwargs: Any) -> tuple[Tensor, None]:
    """Return what `multi_head_attention_forward` returns for these arguments, without weights.

    `attend` answers the attention call in it. ModelError: keys that are no tokens.
    """
    bound = _SIGNATURE.bind(*args, **kwargs)
    bound.apply_defaults()
    given = bound.arguments
    if given["add_zero_attn"] or any(given[name] is not None for name in ("bias_k", "bias_v", "static_k", "static_v")):
        raise ModelError("the model's attention has keys that are no tokens, which the attention graph does not have")
    tokens = [given[name] for name in ("query", "key", "value")]
    batched = tokens[0].ndim == 3
    if not batched:
        tokens = [tensor[:, None] for tensor in tokens]
    query, key, value = (
        _by_head(functional.linear(tensor, weight, bias), given["num_heads"])
        for tensor, (weight, bias) in zip(tokens, _projections(given), strict=True)
    )
    mask = _mask(given["attn_mask"], given["key_padding_mask"], query, key)
    dropout = given["dropout_p"] if given["training"] else 0.0
    attended = attend(AttentionCall(query, key, value, mask, dropout, 1 / math.sqrt(query.size(-1))))
    joined = attended.permute(2, 0, 1, 3).flatten(-2)
    output = functional.linear(joined, given["out_proj_weight"], given["out_proj_bias"])
    return (output if batched else output[:, 0]), None


def _by_head(projected: Tensor, heads: int) -> Tensor:
    """Return (B, H, N, D / H) for (N, B, D)."""
    return projected.reshape(*projected.shape[:2], heads, -1).permute(1, 2, 0, 3)


def _projections(given: Mapping[str, Any]) -> list[tuple[Tensor, Tensor | None]]:
    """Return weight and bias of query, key and value."""
    if given["use_separate_proj_weight"]:
        weights = [given[f"{name}_proj_weight"] for name in "qkv"]
    else:
        weights = list(given["in_proj_weight"].chunk(3))
    bias = given["in_proj_bias"]
    return list(zip(weights, (None,) * 3 if bias is None else bias.chunk(3), strict=True))


def _mask(mask: Tensor | None, padding: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
    """Return both masks, in which True means "not to be read", as one that is added to the scores (b, h, Q, N)."""
    if mask is None and padding is None:
        return None
    added = query.new_zeros(1, 1, query.size(2), key.size(2))
    if mask is not None:
        added = added + _added(mask if mask.ndim == 2 else mask.view(*query.shape[:2], *mask.shape[1:]), query)
    return added if padding is None else added + _added(padding, query)[:, None, None]


def _added(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill_(mask, -torch.inf)
