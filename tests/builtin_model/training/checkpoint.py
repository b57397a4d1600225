"""What a run writes: the checkpoint to resume from, and the weights to use. Both appear whole or not at all."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vitexplain.errors import InputError, OutputError, UsageError

CHECKPOINT_NAME = "checkpoint.pt"
WEIGHTS_NAME = "weights.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps and `seconds` of training; the tensors are the run's own, not copies.

    `settings` are plain numbers and words: a run may go on only with the same ones.
    """

    settings: dict[str, object]
    step: int
    seconds: float
    weights: dict[str, torch.Tensor]
    averaged: dict[str, torch.Tensor]
    optimizer: dict[str, Any]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write `checkpoint` to `path`. Raises OutputError if that fails; an older file is then still whole."""
    write_atomically(path, lambda part: torch.save(vars(checkpoint), part))


def load_checkpoint(path: Path, settings: dict[str, object]) -> Checkpoint:
    """Return the checkpoint `path`; only tensors and plain values are read, nothing is unpickled freely.

    Raises InputError if there is none or it is damaged, UsageError if it was made with other settings.
    """
    try:
        checkpoint = Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"no run can resume from {path} ({first_line}); start a new one without --resume, in another --out"
        ) from error
    different = sorted(
        name
        for name in settings.keys() | checkpoint.settings.keys()
        if settings.get(name) != checkpoint.settings.get(name)
    )
    if different:
        name = different[0]
        raise UsageError(
            f"the run in {path} was started with {name} {checkpoint.settings.get(name)}, now {settings.get(name)} is "
            "given; resume it with the same options"
        )
    return checkpoint


def save_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write `weights` to the safetensors file `path` in float16. Raises OutputError if that fails."""
    from safetensors.torch import save

    halves = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in weights.items()}
    write_atomically(path, lambda part: part.write_bytes(save(halves)))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then put it in its place; a failed write leaves no file behind.

    Raises OutputError if the folder or the file cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        raise OutputError(f"{path} cannot be written ({error}); give another --out") from error
    finally:
        part.unlink(missing_ok=True) if part.parent.is_dir() else None
