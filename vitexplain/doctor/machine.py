"""The machine: versions, devices, threads, which optional libraries are there, where weights are cached."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from vitexplain.render.opencv import why_nothing_is_drawn

_LIBRARIES = (
    *("torch", "timm", "torchvision", "transformers", "open_clip_torch", "huggingface_hub", "safetensors"),
    *("numpy", "pillow", "opencv-python", "ortools"),
)
_OF_EXTRA = re.compile(r"([\w.-]+)[^;]*;.*extra\s*==\s*['\"]([\w-]+)['\"]")


def machine_report() -> dict[str, Any]:
    """Return what there is, as JSON values: versions (None: not installed), devices, threads, extras, caches."""
    import torch

    from vitexplain import __version__

    return {
        "versions": {
            "vitexplain": __version__,
            "python": platform.python_version(),
            **{library: _version(library) for library in _LIBRARIES},
        },
        "drawing": why_nothing_is_drawn() or True,
        "devices": _devices(torch),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "extras": _extras(),
        "caches": _caches(torch),
    }


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _devices(torch: Any) -> dict[str, str]:
    """Return the devices that a model can run on, and what they are."""
    found = {"cpu": platform.processor() or platform.machine()}
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            card = torch.cuda.get_device_properties(number)
            found[f"cuda:{number}"] = f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        found["mps"] = "Apple GPU"
    return found


def _extras() -> dict[str, bool]:
    """Return the optional extras of the package, and whether all their libraries are installed.

    None for a copy of the source that was not installed.
    """
    found: dict[str, bool] = {}
    try:
        requirements = metadata.requires("vitexplain") or ()
    except metadata.PackageNotFoundError:
        return found
    for requirement in requirements:
        match = _OF_EXTRA.match(requirement)
        if match:
            library, extra = match.groups()
            found[extra] = found.get(extra, True) and _version(library) is not None
    return found


def _caches(torch: Any) -> dict[str, dict[str, Any]]:
    """Return where weights are cached, and how many models or files lie there."""
    from huggingface_hub import constants

    hub, checkpoints = Path(constants.HF_HUB_CACHE), Path(torch.hub.get_dir()) / "checkpoints"
    return {
        "hub": {"folder": str(hub), "models": len(list(hub.glob("models--*")))},
        "torch": {"folder": str(checkpoints), "models": len(list(checkpoints.glob("*.*")))},
    }
