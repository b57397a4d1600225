"""Tensors as a state_dict holds them: plain numbers in memory, as many as their shape says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


MAX_BESIDE_0 = 1 << 16
"""An empty tensor, such as the registers of a network without any, has no larger side."""


def check_plain(table: Mapping[str, torch.Tensor]) -> None:
    """Check the tensors before anything is computed with them; ValueError names the first that is something else.

    A shape can claim what no memory holds, by strides of 0, or by a side of length 0.
    """
    for key, value in table.items():
        kind = _other_kind(value)
        if kind:
            raise ValueError(f"{key[:80]!r} is {kind}, expected plain numbers: save the state_dict of a plain model")
        held = value.untyped_storage().nbytes()
        if value.numel() * value.element_size() > held or (
            value.numel() == 0 and max(value.shape, default=1) > MAX_BESIDE_0
        ):
            size = " x ".join(f"{side:,}" for side in value.shape)
            raise ValueError(f"{key[:80]!r} claims to be {size}, the file holds {held:,} bytes for it")


def _other_kind(value: torch.Tensor) -> str:
    import torch

    if value.is_quantized:
        return "a quantised tensor"
    if value.device.type != "cpu":
        return f"a tensor without values (on {value.device.type!r})"
    if value.layout is not torch.strided or value.is_nested:
        return f"a {str(value.layout).removeprefix('torch.')} tensor"
    return "" if type(value) in (torch.Tensor, torch.nn.Parameter) else f"a {type(value).__name__}"
