"""contents_of: a result -> the bytes of its files, by name, and its record; pure, so that any place can store them."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vitexplain.output.explanation_names import explanation_words
from vitexplain.output.names import file_name
from vitexplain.output.pictures import picture_file
from vitexplain.render import Drawing, end_mark
from vitexplain.result import Explanation, Result

ENDINGS = {"overlay": ".png", "heatmap": ".heatmap.png", "npy": ".npy", "cut_layers": ".cut-layers.png"}
"""What may be written of an explanation, and how its file's name ends."""

DRAW = "draw"
"""The key of the time that drawing took, among a batch's `seconds`."""


@dataclass(frozen=True)
class WriteOptions:
    """What is written and where. `record` False writes no JSON file: the caller keeps the record itself.

    `form`: how an overlay's name ends, png, jpg or webp. `draw`: makes its file, `captioned` or not, which may also be
    svg or pdf; None: a plain picture.
    """

    folder: Path
    overwrite: bool = False
    overlay: bool = True
    heatmap: bool = False
    npy: bool = False
    cut_layers: bool = False
    record: bool = True
    drawing: Drawing = field(default_factory=Drawing)
    form: str = "png"
    captioned: bool = False
    draw: Callable[[Result, Explanation, Drawing, str, bool], bytes] | None = None


class File(NamedTuple):
    """One file of an explanation: its kind (a key of ENDINGS), its name, and what it holds."""

    kind: str
    name: str
    data: bytes


@dataclass(frozen=True)
class Contents:
    """What is written of one result: the files of its explanations, and the record that names them.

    `drawn`: how many seconds drawing took.
    """

    files: tuple[File, ...]
    record: dict[str, Any]
    drawn: float


def contents_of(
    result: Result, options: WriteOptions, stem: str, base: str = "", scores: str | None = None
) -> Contents:
    """Return the files of a result, whose names start with `stem`, those of raw scores with `scores`, and its record.

    `base`: the folder of the record, to which the names in it are relative. May be called from several threads.
    """
    began = time.perf_counter()
    planned = file_names(result, options, stem, scores)
    relative = [{kind: name[len(base) + 1 :] if base else name for kind, name in named.items()} for named in planned]
    files = tuple(
        File(kind, name, _drawn(kind, result, explanation, options))
        for explanation, named in zip(result.explanations, planned, strict=True)
        for kind, name in named.items()
    )
    drawn = time.perf_counter() - began
    return Contents(files, result.to_record(relative, options.drawing.asked), drawn)


def with_drawn(record: dict[str, Any], drawn: float) -> dict[str, Any]:
    """Return the record with the seconds that drawing took."""
    return {**record, "seconds": {**record["seconds"], DRAW: round(drawn, 6)}}


def file_names(result: Result, options: WriteOptions, stem: str, scores: str | None = None) -> list[dict[str, str]]:
    """Return for every explanation the kinds of file to write and their names."""
    planned = []
    for explanation, words in zip(result.explanations, explanation_words(result), strict=True):
        kinds = [kind for kind in ENDINGS if getattr(options, kind)]
        if explanation.cut_layers is None and "cut_layers" in kinds:
            kinds.remove("cut_layers")
        endings = {**ENDINGS, "overlay": f".{options.form}"}
        stems = {"npy": stem if scores is None else scores}
        planned.append({kind: file_name(stems.get(kind, stem), words, endings[kind]) for kind in kinds})
    return planned


def _drawn(kind: str, result: Result, explanation: Explanation, options: WriteOptions) -> bytes:
    """Return the bytes of one file of an explanation."""
    if kind == "overlay" and options.draw is not None:
        return options.draw(result, explanation, options.drawing, options.form, options.captioned)
    if kind != "npy":
        form: Any = options.form
        return picture_file(kind, result, explanation, options.drawing, form)
    stream = io.BytesIO()
    np.save(stream, explanation.scores, allow_pickle=False)
    return stream.getvalue() + end_mark(result.picture.sha256)  # which numpy does not read
