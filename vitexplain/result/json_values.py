"""The values of a record as JSON: always the same bytes for the same result.

Scores keep the numbers that the method found: a float32 is written as its shortest decimal, a float64 by its repr.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def dump(record: Mapping[str, Any]) -> str:
    r"""Return one line of ASCII JSON without its end; path bytes that are not UTF-8 are written as \udcXX escapes."""
    return json.dumps(record, allow_nan=False, ensure_ascii=True)


def plain(value: object) -> Any:
    """Return `value` as JSON's own types: tuples and arrays as lists, numpy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.bool_):
        return bool(value)
    return plain_number(value) if isinstance(value, np.number) else value


def plain_number(value: Any) -> Any:
    """Return a numpy number as an int, or as the float with the shortest decimal that means the same number."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.float64):
        return float(value)
    return float(str(value)) if isinstance(value, np.floating) else value
