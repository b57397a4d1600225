"""The JSON Schemas that ship with the package (draft 2020-12)."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def schema(name: str = "record") -> dict[str, Any]:
    """Return a schema: "record" describes every record that is written anywhere, explained and failed images alike."""
    text = (files("vitexplain.output") / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
