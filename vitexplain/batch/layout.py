"""Layout: what an output folder of numbered parts looks like; it is the same for all processes that write into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from vitexplain.batch.parts import PART_SIZE

KIND = "parts"


@dataclass(frozen=True)
class Layout:
    """Pictures of a part, the kind of its table (a key of TABLES), and the kind of place of its pictures."""

    part_size: int = PART_SIZE
    format: str = "jsonl"
    overlays: str = "files"

    def to_setting(self) -> dict[str, Any]:
        """Return what the manifest keeps of it."""
        return {"kind": KIND, **asdict(self)}

    @classmethod
    def from_setting(cls, setting: object) -> Layout | None:
        """Return what `to_setting` made; None for anything else: one growing file."""
        if not isinstance(setting, Mapping) or setting.get("kind") != KIND:
            return None
        found = {each.name: setting.get(each.name, each.default) for each in fields(cls)}
        usual = cls()
        if any(type(value) is not type(getattr(usual, name)) for name, value in found.items()):
            return None
        return cls(**found)
