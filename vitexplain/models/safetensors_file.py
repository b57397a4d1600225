"""A .safetensors file: its header is checked against the length of the file before any tensor is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.files import read_beginning, regular_size
from vitexplain.models.json_text import parse_json

if TYPE_CHECKING:
    import torch

_MAX_HEADER = 2 << 20
"""Bytes of the largest header that is read: a thousand tensors take 120,000."""

_MAX_RANK = 8

_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}
_QUANTISED = ("F4", "F6", "F8")


@dataclass(frozen=True)
class Header:
    """What a header says: the shape of each tensor, and the texts that were written beside them."""

    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Return the header of the file; ValueError with a reason: it is damaged or says what its length cannot hold."""
    size = regular_size(path)
    start = read_beginning(path, 8)
    if len(start) < 8:
        raise ValueError(f"{size} bytes, too short for a header")
    length = int.from_bytes(start, "little")
    if length > size - 8:
        raise ValueError(f"its header should have {length:,} bytes, the file has {size:,}: damaged or not complete")
    if length > _MAX_HEADER:
        raise ValueError(f"its header has {length:,} bytes, expected at most {_MAX_HEADER:,}")
    header = parse_json(read_beginning(path, 8 + length)[8:])
    if not isinstance(header, dict):
        raise ValueError("its header is no table of tensors")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("its metadata is no table of texts")
    _check_places([_place(name, entry) for name, entry in header.items()], size - 8 - length)
    return Header({name: tuple(entry["shape"]) for name, entry in header.items()}, metadata)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file whose header `read_header` has accepted; raises what safetensors raises."""
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = load_file(path)
    return tensors


def _place(name: str, entry: Any) -> tuple[int, int, str]:
    """Return where a tensor lies (begin, end, name) after its type, shape and length were found to agree."""
    what = f"tensor {name[:60]!r}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{what} has no dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if isinstance(kind, str) and kind.startswith(_QUANTISED):
        raise ValueError(f"{what} is of type {kind}, as in quantised files: save the model in float32 or float16")
    if not isinstance(kind, str) or kind not in _BYTES:
        raise ValueError(f"{what} is of the type {str(kind)[:20]!r}, which does not exist")
    if not _are_counts(shape) or len(shape) > _MAX_RANK:
        raise ValueError(f"{what} has the shape {str(shape)[:60]}, expected up to {_MAX_RANK} whole numbers")
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{what} lies at {str(offsets)[:60]}, expected two places in the file")
    wanted, held = math.prod(shape) * _BYTES[kind], offsets[1] - offsets[0]
    # A shape with a 0 in it takes no byte, whatever else it claims.
    if wanted != held or (held == 0 and max(shape, default=1) > 1):
        size = " x ".join(f"{count:,}" for count in shape)
        raise ValueError(f"{what} should be {size} in {kind}, the file holds {held:,} bytes for it")
    return offsets[0], offsets[1], name


def _check_places(places: list[tuple[int, int, str]], length: int) -> None:
    """Check that the tensors lie one behind the other, from the first to the last byte."""
    end = 0
    for begin, behind, name in sorted(places):
        if begin != end:
            raise ValueError(f"tensor {name[:60]!r} begins at {begin:,}, expected {end:,}: damaged")
        end = behind
    if end != length:
        raise ValueError(f"its tensors take {end:,} bytes, the file has {length:,} for them: damaged or not complete")


def _are_counts(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)
