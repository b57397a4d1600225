"""The memory that explaining takes, estimated before it is spent, against what is free."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

import torch

from vitexplain.attention import Fusion
from vitexplain.capture import LiveBytes
from vitexplain.errors import TooLargeError, VitexplainError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import Method, canonical_spec, gradients_asked, with_parts
from vitexplain.methods.fills import CHUNK
from vitexplain.models import LoadedModel
from vitexplain.models.sharing_copy import sharing_copy

Shape = tuple[int, ...]
"""The pixels of a batch: (B, 3, height, width)."""

BESIDES, FIXED = 1.35, 16 * 2**20
"""What operations on a CPU need for themselves: a share of what tensors hold, and bytes (guide/costs.md)."""

_WORTH_A_LOOK = 0.25
"""An estimate is made where a bound that is quickly computed is more than this share of what is free."""
_HEADS, _FLOATS, _COPIES = 16, 4, 4
"""Of the bound: attention heads, bytes of a number, and how often each is held."""

_known: WeakKeyDictionary[LoadedModel, dict[tuple[str, Shape], int | None]] = WeakKeyDictionary()


def require_memory(model: LoadedModel, methods: Sequence[Method], shape: Shape) -> None:
    """Raise TooLargeError, with the size or the number of images that fits, where free memory does not hold a batch."""
    free = free_memory(model.device)
    if free is None or _bound(model, methods, shape) < _WORTH_A_LOOK * free:
        return
    needed = memory_needed(model, methods, shape)
    if needed is None or needed <= free:
        return
    count, _, height, width = shape
    what = f"{count} images of " if count > 1 else ""
    raise TooLargeError(
        f"{what}{height} x {width} pixels with '{model.name}' take about {needed / 1e9:.1f} GB, and "
        f"{free / 1e9:.1f} GB of {model.device} are free: {_remedy(model, methods, shape, free)}"
    )


def memory_needed(model: LoadedModel, methods: Sequence[Method], shape: Shape) -> int | None:
    """Return the bytes that the methods take for a batch of these pixels, beside the weights; None: cannot be told.

    The same code runs on torch's meta device, where tensors have shapes and no numbers: the forward pass, what is kept
    for gradients, the backward pass, the graph, until a method asks for numbers. Networks that hold tensors which are
    neither parameters nor buffers cannot be moved there.
    """
    known = _known.setdefault(model, {})
    key = ("+".join(map(canonical_spec, methods)), shape)
    if key not in known:
        live = _live(model, methods, shape)
        on_cpu = model.device.type == "cpu"
        known[key] = None if live is None else int(BESIDES * live) + FIXED if on_cpu else live
    return known[key]


def _live(model: LoadedModel, methods: Sequence[Method], shape: Shape) -> int | None:
    """Return the most bytes that tensors hold at a time."""
    with suppress(VitexplainError, RuntimeError, NotImplementedError):
        module = sharing_copy(model.network.module).to("meta")
        device = torch.device("meta")
        blank = replace(model, network=model.network.with_module(module), device=device)
        live = LiveBytes()
        with live:
            pixels = torch.zeros(shape, dtype=model.dtype, device=device)
            fusions: set[Fusion] = {fusion for method in methods for fusion in method.fusions}
            keys = ("",) * shape[0]
            run = ForwardPass(blank, pixels, fusions, keys, gradients=gradients_asked(methods))
            run = run.for_target(torch.zeros(shape[0], dtype=torch.long, device=device))
            _ = run.output
            for method in with_parts(methods):
                # Where a method makes numbers of its tensors, it has done what takes memory.
                with suppress(NotImplementedError, RuntimeError, VitexplainError):
                    method(run)
        return live.peak
    return None


def _bound(model: LoadedModel, methods: Sequence[Method], shape: Shape) -> int:
    """Return more bytes than a batch takes, by far: every output of a layer and all attention, several times."""
    count, _, height, width = shape
    if any("model" in method.needs or method.name == "integrated-gradients" for method in with_parts(methods)):
        count = max(count, CHUNK)
    tokens = [grid.tokens for grid in model.network.levels(height, width)]
    attention = sum(above * below for above, below in zip(tokens[1:], tokens, strict=False)) * _HEADS
    wide = sum(
        getattr(part, "out_features", 0) * max(tokens) + getattr(part, "out_channels", 0) * height * width // 16
        for part in model.network.module.modules()
    )
    return count * (attention + wide) * _FLOATS * _COPIES


def _remedy(model: LoadedModel, methods: Sequence[Method], shape: Shape, free: int) -> str:
    count, channels, height, width = shape
    if count > 1:
        fitting = count
        while fitting > 1 and (memory_needed(model, methods, (fitting, channels, height, width)) or 0) > free:
            fitting //= 2
        return f"give `batch_size={fitting}`"
    cheaper = " or `methods=rollout`, which needs no gradients" if gradients_asked(methods) else ""
    size = _fitting_size(model, methods, shape, free)
    if size is None:
        return f"use a smaller model{cheaper}"
    return f"{size[0]} x {size[1]} pixels fit: give `image_size={size[0]}x{size[1]}` or a smaller picture{cheaper}"


def _fitting_size(model: LoadedModel, methods: Sequence[Method], shape: Shape, free: int) -> tuple[int, int] | None:
    """Return the largest pixels of about this shape, in whole patches, that fit; None: the model takes its own only."""
    if not model.preprocess.flexible:
        return None
    rows, cols = (side // patch for side, patch in zip(shape[2:], model.preprocess.patch, strict=True))
    low, high = 0, max(rows, cols)
    best: tuple[int, int] | None = None
    while high - low > 1:
        middle = (low + high) // 2
        sides = [max(1, round(part * middle / max(rows, cols))) for part in (rows, cols)]
        height, width = (part * patch for part, patch in zip(sides, model.preprocess.patch, strict=True))
        needed = memory_needed(model, methods, (1, 3, height, width))
        if needed is not None and needed <= free:
            low, best = middle, (height, width)
        else:
            high = middle
    return best


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free on a device, or would be if caches were given up; None: cannot be told."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + unused
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    found = [each for each in (_of_machine(), _of_container()) if each is not None]
    return min(found, default=None)


def _of_machine() -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, ValueError, OSError):  # not on every system
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return None


def _of_container() -> int | None:
    """Return what the limit of this control group leaves, its file cache not counted."""
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError, KeyError):
        limit, used = ((group / name).read_text("ascii").strip() for name in ("memory.max", "memory.current"))
        cache = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())["inactive_file"]
        return int(limit) - int(used) + int(cache)
    return None
