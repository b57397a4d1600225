"""A run's output folder: the names of its own files, and the settings that its manifest keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MANIFEST, RECORDS, LOCK = "manifest.json", "records.jsonl", "lock"

JUDGED, JUDGED_SCHEMA = "evaluation.json", "vitexplain-judged/1"
"""The tables and sentences of an evaluation, as text, and their schema."""

BATCH_SCHEMA = "vitexplain-batch/"
"""How the schema of a batch's manifest begins, whatever its version."""

LARGEST_MANIFEST = 2**20
"""Bytes of a manifest; what is longer is none."""


def read_settings(path: Path, schema: str) -> dict[str, Any] | None:
    """Return the settings in a manifest whose schema begins with `schema`; None if it is something else."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_MANIFEST:
            return None
        return settings_in(path.read_bytes(), schema)
    except OSError:
        return None


def settings_in(data: bytes, schema: str) -> dict[str, Any] | None:
    """Return the settings in the bytes of a manifest, as `read_settings` does."""
    try:
        settings = json.loads(data)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(settings, dict) and str(settings.get("schema", "")).startswith(schema)
    return settings if is_ours else None


def is_batch_folder(folder: Path) -> bool:
    """Whether a batch writes, or wrote, into this folder."""
    return read_settings(folder / MANIFEST, BATCH_SCHEMA) is not None
