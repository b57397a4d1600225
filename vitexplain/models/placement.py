"""Where and in which precision a model runs: the words of the command line as torch's device and dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitexplain.errors import UsageError

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device for "auto" (the first of cuda, mps and cpu that is there), "cpu", "cuda", "cuda:1" or "mps".

    UsageError: another word, or a device that this machine or this build of torch does not have.
    """
    import torch

    text = str(device)
    if text == "auto":
        text = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, number = text.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and kind != "cuda") or (":" in text and not number.isdecimal()):
        raise UsageError(f"device {text!r}: expected auto, cpu, cuda, cuda:NUMBER or mps")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count == 0:
            raise UsageError(f"device {text}: torch finds no CUDA device here: use `device=cpu` or auto")
        if number and int(number) >= count:
            raise UsageError(f"device {text}: there are {count} CUDA devices: use cuda:0 to cuda:{count - 1}")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device mps: torch finds no Apple GPU here: use `device=cpu` or auto")
    return torch.device(text)


def resolve_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """Return the torch dtype for "float32", "bfloat16" or "float16"; UsageError for another."""
    import torch

    text = str(dtype).removeprefix("torch.")
    if text not in DTYPES:
        raise UsageError(f"dtype {text!r}: expected {', '.join(DTYPES[:-1])} or {DTYPES[-1]}")
    resolved = getattr(torch, text)
    assert isinstance(resolved, torch.dtype)
    return resolved
