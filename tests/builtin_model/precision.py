"""The precision that measuring and training compute in, and whether a processor multiplies bfloat16 by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from vitexplain.errors import UsageError


def has_bfloat16(device: torch.device) -> bool:
    """Return whether `device` multiplies bfloat16 in hardware (elsewhere it is emulated and slower than float32)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch tells this only under names with an underscore; where a version lacks them, the answer is no.
    probes: list[Callable[[], bool]] = [
        getattr(torch.cpu, name)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        if hasattr(torch.cpu, name)
    ]
    return any(probe() for probe in probes)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype for `name` ("auto", "float32", "bfloat16"); auto is bfloat16 where the device has it.

    Raises UsageError for another name.
    """
    if name == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    if name not in ("float32", "bfloat16"):
        raise UsageError(f"--dtype {name} is not supported here; expected auto, float32 or bfloat16")
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def computing_in(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which `device` computes matrix products in `dtype` (autocast; parameters stay float32)."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)
