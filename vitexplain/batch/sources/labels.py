"""Where the labels of a source stand, and what of a value is a label."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

PARENT, NONE = "parent", "none"
"""Words of `--class-from`: the folder that a picture lies in, and no label at all."""

USUAL = ("cls", "label", "class")
"""What a column, a field of .json or a file beside a picture is called that holds its label, where nothing is said."""


def names_of(class_from: str | None) -> tuple[str, ...]:
    """Return what columns and fields are looked at; nothing for the words of this file."""
    if class_from is None:
        return USUAL
    return () if class_from in (PARENT, NONE) else (class_from,)


def parent_of(path: str) -> str | None:
    """Return the name of the folder that a picture lies in."""
    return PurePosixPath(path).parent.name or None


def as_label(value: object) -> str | int | None:
    """Return a value as a label; None: it is none, as -1 is where data sets write it for "not known"."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text or None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if isinstance(value, int) and value >= 0 else None


def label_in(sidecars: Mapping[str, bytes], names: Collection[str]) -> str | int | None:
    """Return the label in the files beside a picture, by their ending: one that is called so, or a field of `json`."""
    for name in names:
        if name in sidecars and name != "json":
            return as_label(sidecars[name])
    try:
        fields = json.loads(sidecars.get("json", b"null"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    return next((label for name in names if (label := as_label(fields.get(name))) is not None), None)
