"""Measure methods as the default was chosen: python -m tests.benchmarks.default_choice PICTURES OUT -m SPEC -m SPEC ...

PICTURES is a zip or a folder; with `--boxes` (a table of file, class, left, top, right, bottom) the pictures in it
whose objects cover 3 to 50% are taken. Every map is made in float32; the curves of deletion and insertion are
answered by the same model in bfloat16, which is two to three times as fast here and changes a probability by about
0.001. OUT gets one line of JSON a picture and is continued where it ends, with other methods, too. The table is printed
at the end.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.images import View, open_picture, prepare
from vitexplain.methods import Method, canonical_spec, gradients_asked, parse_spec
from vitexplain.methods.fills import outputs_without
from vitexplain.models import LoadedModel, load_model

Floats = npt.NDArray[np.float64]
Box = tuple[int, int, int, int]


def main() -> None:
    """Measure what OUT lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("-m", "--method", action="append", required=True)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--count", type=int)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--part", default="1/1", help="I/N: every N-th picture, from the I-th on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    exact, fast = load_model("builtin"), load_model("builtin", dtype="bfloat16")
    methods = [parse_spec(spec) for spec in options.method]
    known = read_rows(options.out)
    part, parts = map(int, options.part.split("/"))
    chosen = list(pictures(options.pictures, options.boxes))[: options.count][part - 1 :: parts]
    for name, content, boxes in chosen:
        there = known[name]["methods"] if name in known else {}
        lacking = [method for method in methods if canonical_spec(method) not in there]
        if lacking:
            row = {"file": name, **measured(exact, fast, lacking, content, boxes, options.steps)}
            with options.out.open("a") as out:
                out.write(json.dumps(row) + "\n")
    print_table(list(read_rows(options.out).values()), [canonical_spec(method) for method in methods])


def read_rows(out: Path) -> dict[str, dict[str, Any]]:
    """Return what OUT holds of every picture, by its name."""
    rows: dict[str, dict[str, Any]] = {}
    for line in out.read_text().splitlines() if out.exists() else ():
        row = json.loads(line)
        rows.setdefault(row["file"], row)["methods"] |= row["methods"]
    return rows


def pictures(path: Path, table: Path | None) -> Iterator[tuple[str, bytes, list[Box]]]:
    """Yield name, bytes and boxes of the pictures, in a shuffled order that is always the same."""
    boxes: dict[str, list[Box]] = {}
    for line in table.read_text().splitlines()[1:] if table else ():
        name, _, *edges = line.split("\t")
        boxes.setdefault(name, []).append(tuple(map(int, edges)))  # type: ignore[arg-type]
    found: dict[str, Callable[[], bytes]] = {}
    if path.is_dir():
        found = {file.name: file.read_bytes for file in sorted(path.rglob("*")) if file.is_file()}
    else:
        archive = zipfile.ZipFile(path)
        found = {PurePosixPath(name).name: partial(archive.read, name) for name in sorted(archive.namelist())}
    names = sorted(boxes if table else found)
    random.Random(1).shuffle(names)
    for name in names:
        content = found[name]()
        if table is None or 0.03 <= share(boxes[name], content) <= 0.5:
            yield name, content, boxes.get(name, [])


def share(boxes: Sequence[Box], content: bytes) -> float:
    """Return which share of the picture its boxes cover."""
    image = open_picture(io.BytesIO(content)).image
    inside = np.zeros((image.height, image.width), bool)
    for left, top, right, bottom in boxes:
        inside[top : bottom + 1, left : right + 1] = True
    return float(inside.mean())


def measured(
    exact: LoadedModel,
    fast: LoadedModel,
    methods: Sequence[Method],
    content: bytes,
    boxes: Sequence[Box],
    steps: int,
) -> dict[str, Any]:
    """Return the figures of one picture, of every method."""
    array, view = prepare(open_picture(io.BytesIO(content)), exact.preprocess)
    pixels = torch.from_numpy(array)[None]
    fusions = {fusion for method in methods for fusion in method.fusions}
    explained = ForwardPass(exact, pixels, fusions, gradients=gradients_asked(methods))
    target = explained.target
    removing = ForwardPass(fast, pixels.to(torch.bfloat16)).for_target(target)
    grid = explained.grid
    inside = within(boxes, view, grid.rows, grid.cols) if boxes else None
    row: dict[str, Any] = {"target": int(target), "methods": {}}
    if inside is not None:
        middle = inside.reshape(grid.rows, grid.cols)[grid.rows // 2 - 1 :, grid.cols // 2 - 1 :][:2, :2]
        row |= {"area": float(inside.mean()), "off_centre": bool(middle.mean() < 0.5)}
    for method in methods:
        scores = method(explained).values[0].astype(np.float64)
        row["methods"][canonical_spec(method)] = {
            **curves(removing, scores, steps, int(target)),
            **({} if inside is None else localisation(scores, inside)),
        }
    return row


def curves(removing: ForwardPass, scores: Floats, steps: int, target: int) -> dict[str, float]:
    """Return insertion minus deletion, of the probability and of the logit: the area between the two curves."""
    count = len(scores)
    # Ties go in a random order: row by row would be an explanation of its own.
    shuffled = np.random.default_rng(0).permutation(count)
    order = shuffled[np.argsort(-scores[shuffled], kind="stable")]
    sizes = [round(count * step / steps) for step in range(steps + 1)]
    removed = np.zeros((2 * steps, count), bool)
    for place, size in enumerate(sizes[:-1]):
        removed[place, order[:size]] = True
        removed[steps + place, order[size:]] = True
    outputs = outputs_without(removing, 0, torch.from_numpy(removed), "mean")
    found = {}
    for name, values in (("probability", outputs.softmax(-1)), ("logit", outputs)):
        curve = values[:, target].double().numpy()
        deletion, insertion = [*curve[:steps], curve[steps]], [*curve[steps:], curve[0]]
        found[name] = float(np.trapezoid(np.subtract(insertion, deletion), dx=1 / steps))
    return found


def within(boxes: Sequence[Box], view: View, rows: int, cols: int) -> Floats:
    """Return which share of every patch (P,) lies in the boxes, whose right and bottom edges belong to them."""
    x0, y0, x1, y1 = view.box
    inside = np.zeros((rows, cols))
    for left, top, right, bottom in boxes:
        x = np.array([left - x0, right + 1 - x0]) / (x1 - x0) * cols
        y = np.array([top - y0, bottom + 1 - y0]) / (y1 - y0) * rows
        inside = np.maximum(inside, covered(y, rows)[:, None] * covered(x, cols))
    return inside.ravel()


def covered(ends: Floats, count: int) -> Floats:
    """Return which share of each of `count` places of length 1 lies between the ends."""
    share: Floats = np.clip(np.minimum(np.arange(count) + 1, ends[1]) - np.maximum(np.arange(count), ends[0]), 0, 1)
    return share


def localisation(scores: Floats, inside: Floats) -> dict[str, float | None]:
    """Return the share of the positive scores inside, the area under the ROC, and whether the largest is inside."""
    positive = scores.clip(min=0)
    object_ = inside >= 0.5
    on, off = scores[object_][:, None], scores[~object_]
    energy = float(positive @ inside / positive.sum()) if positive.any() else None
    auroc = float(((on > off) + (on == off) / 2).mean()) if object_.any() and not object_.all() else None
    return {"energy": energy, "auroc": auroc, "pointing": float(object_[scores.argmax()])}


def print_table(rows: Sequence[dict[str, Any]], methods: Sequence[str]) -> None:
    """Print every figure's mean over the pictures, and its difference to the first method with a 95% interval."""
    rows = [row for row in rows if set(methods) <= set(row["methods"])]
    figures = list(rows[0]["methods"][methods[0]])
    columns = [(figure, False) for figure in figures] + [("auroc", True)] * ("auroc" in figures)
    print(f"{len(rows)} pictures, differences to {methods[0]}")
    for method in sorted(methods, key=lambda name: -mean(rows, name, "probability")):
        print(method)
        for figure, off_centre in columns:
            kept = [row for row in rows if row.get("off_centre") or not off_centre]
            pairs = [(row["methods"][method][figure], row["methods"][methods[0]][figure]) for row in kept]
            known = np.array([pair for pair in pairs if None not in pair])
            difference = known[:, 0] - known[:, 1]
            reach = 1.96 * difference.std(ddof=1) / len(known) ** 0.5
            name = f"{figure}, off-centre" if off_centre else figure
            print(f"  {name:20} {known[:, 0].mean():.3f}   {difference.mean():+.3f} ± {reach:.3f} (n {len(known)})")


def mean(rows: Sequence[dict[str, Any]], method: str, figure: str) -> float:
    """Return the mean of a figure over the pictures."""
    return float(np.mean([row["methods"][method][figure] for row in rows]))


if __name__ == "__main__":
    main()
