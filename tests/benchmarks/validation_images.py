"""Unpack validation images, spread over the classes: python -m tests.benchmarks.validation_images ZIP FOLDER --count N

With --boxes TSV only images whose box takes 3 to 50% of the picture, and FOLDER/boxes.tsv for `evaluate --boxes`.
ZIP holds `<class>/<name>.JPEG` as tiny_imagenet_val.zip does. The first round takes one image of each class in a
shuffled order of the classes, the next another one, so that a smaller number is always the start of a larger.
"""

from __future__ import annotations

import argparse
import random
import zipfile
from pathlib import Path, PurePosixPath


def main() -> None:
    """Write N files called `<class>_<name>.JPEG`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--boxes", type=Path)
    options = parser.parse_args()
    boxes = {} if options.boxes is None else useful_boxes(options.boxes)
    options.folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.zip) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".jpeg", ".jpg", ".png"))]
        if options.boxes is not None:
            names = [name for name in names if PurePosixPath(name).name in boxes]
        written = {}
        for name in spread(names, options.seed)[: options.count]:
            path = PurePosixPath(name)
            written[f"{path.parent.name}_{path.name}"] = path.name
            (options.folder / f"{path.parent.name}_{path.name}").write_bytes(archive.read(name))
    if boxes:
        lines = ["\t".join((name, *boxes[original])) for name, original in written.items()]
        (options.folder / "boxes.tsv").write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")


HEADER = "file\tclass\tleft\ttop\tright\tbottom"
SIDE = 64


def useful_boxes(table: Path) -> dict[str, list[str]]:
    """Return the other columns by file, of the boxes that take 3 to 50% of a picture of 64 x 64 pixels."""
    found = {}
    for line in table.read_text(encoding="utf-8").splitlines()[1:]:
        name, *columns = line.split("\t")
        left, top, right, bottom = map(int, columns[1:])
        if 0.03 <= (right - left + 1) * (bottom - top + 1) / SIDE**2 <= 0.5:
            found[name] = columns
    return found


def spread(names: list[str], seed: int) -> list[str]:
    """Return the names so that every start of the list holds about as many of each class."""
    drawn = random.Random(seed)
    classes: dict[str, list[str]] = {}
    for name in sorted(names):
        classes.setdefault(PurePosixPath(name).parent.name, []).append(name)
    order = list(classes.values())
    drawn.shuffle(order)
    for members in order:
        drawn.shuffle(members)
    rounds = max(map(len, order), default=0)
    return [members[place] for place in range(rounds) for members in order if place < len(members)]


if __name__ == "__main__":
    main()
