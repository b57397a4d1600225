"""A folder as timm writes it, with a network that explains hundreds of pictures a second."""

from __future__ import annotations

from pathlib import Path

from tests.models.small import tiny
from vitexplain.models.timm_import import import_timm

LABELS = ["ash", "birch", "cedar", "elm", "oak"]


def write_tiny_folder(path: Path, **config: object) -> Path:
    """Write config.json and model.safetensors by timm itself; `config` replaces the table of labels."""
    save = import_timm().models.save_for_hf
    save(tiny(), str(path), model_config=config or {"label_names": LABELS}, safe_serialization=True)
    return path
