"""A record as the page holds it: its scores as bytes, and the addresses of what is shown beside them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from vitexplain.report.found import Entry
from vitexplain.report.inside import Inside
from vitexplain.result import Result

_OUTSIDE_TEXT = re.compile("[<>&]")


def packed(entry: Entry, inside: Inside, picture: str | int | None, missing: str | None) -> dict[str, Any]:
    """Return one image of the page.

    `record` is the record as it was written, with a number in place of each table of scores. `maps` holds them, for
    each explanation `kind` (f4 or f8, little-endian), `rows`, `cols` and base64 `data`, whether they are `signed`, and
    the addresses of its `files`. `picture` is the address of its copy, or its number among those in the page,
    `missing` why there is none.
    """
    made: dict[str, Any] = {"record": entry.record}
    if not isinstance(entry.read, Result):
        return made
    maps, slim = [], []
    given: Sequence[Mapping[str, Any]] = entry.record["explanations"]
    for number, (explanation, written) in enumerate(zip(entry.read.explanations, given, strict=True)):
        scores = explanation.scores
        kind = "f4" if scores.dtype.itemsize == 4 else "f8"
        maps.append(
            {
                "kind": kind,
                "rows": scores.shape[0],
                "cols": scores.shape[1],
                "data": base64.b64encode(scores.astype(f"<{kind}").tobytes()).decode("ascii"),
                "signed": explanation.signed,
                "files": {name: inside.address(file) for name, file in explanation.files.items()},
            }
        )
        slim.append({**written, "scores": number})
    made["record"] = {**entry.record, "explanations": slim}
    return {**made, "maps": maps, "picture": picture, "missing": missing}


def script_json(value: object) -> str:
    r"""Return one line of ASCII JSON that may stand inside a script element: <, > and & are \uXXXX escapes."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return _OUTSIDE_TEXT.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
