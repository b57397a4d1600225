"""The JSON Schemas that ship with the package (draft 2020-12)."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from vitexplain.errors import UsageError

_ENDING = ".schema.json"


def schema(name: str = "record") -> dict[str, Any]:
    """Return a schema: "record" describes every record that is written anywhere, explained and failed images alike."""
    folder = files("vitexplain.output") / "schema"
    names = sorted(entry.name.removesuffix(_ENDING) for entry in folder.iterdir() if entry.name.endswith(_ENDING))
    if name not in names:
        raise UsageError(f"there is no schema '{name}': give one of {', '.join(names)}")
    text = (folder / f"{name}{_ENDING}").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
