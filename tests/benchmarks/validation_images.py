"""Unpack validation images, spread over the classes: python -m tests.benchmarks.validation_images ZIP FOLDER --count N

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
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.zip) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".jpeg", ".jpg", ".png"))]
        for name in spread(names, options.seed)[: options.count]:
            path = PurePosixPath(name)
            (options.folder / f"{path.parent.name}_{path.name}").write_bytes(archive.read(name))


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
