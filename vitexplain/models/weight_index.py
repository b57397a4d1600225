"""model.safetensors.index.json: which files hold the pieces of a model's weights."""

from __future__ import annotations

import re
from pathlib import Path

from vitexplain.files import UnreadableError, read_regular
from vitexplain.models.json_text import MAX_BYTES, parse_json

ENDING = ".index.json"

_MOST_FILES = 1_000
_PIECE = re.compile(r"[\w.\-]{1,200}\.(?:safetensors|bin)")


def pieces_in(index: Path) -> list[Path]:
    """Return the files that an index of weights names, all of them beside it; ValueError with the reason: it cannot be.

    Whether they are there is not looked at.
    """
    try:
        table = parse_json(read_regular(index, MAX_BYTES))
        names = set(table["weight_map"].values())
    except UnreadableError as error:
        raise ValueError(f"is no readable index of weights ({error.reason})") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"is no readable index of weights ({error})") from None
    if not 0 < len(names) <= _MOST_FILES or not all(isinstance(each, str) and _PIECE.fullmatch(each) for each in names):
        raise ValueError("does not name files of weights in the folder")
    return [index.with_name(each) for each in sorted(names)]


def files_of(weights: Path) -> list[Path]:
    """Return all files that hold weights: the one given, and those that it names if it is an index that can be read."""
    if not weights.name.endswith(ENDING):
        return [weights]
    try:
        return [weights, *pieces_in(weights)]
    except ValueError:
        return [weights]  # told where the weights are read
