"""A folder of JPEGs of one size, cut from the sample photographs: the detail of real pictures, no two the same."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

SAMPLES = sorted((Path(__file__).parents[2] / "sample_images").glob("*.jpg"))


def write_photos(folder: Path, count: int, width: int, height: int) -> Path:
    """Write `count` JPEGs of width x height pixels, in folders of 100."""
    rng = random.Random(width)
    photos = []
    for path in SAMPLES:
        with Image.open(path) as image:
            photos.append(image.convert("RGB"))
    for number in range(count):
        photo = photos[number % len(photos)]
        # A cut of the picture's own shape, half to all of it.
        scale = min(photo.width / width, photo.height / height) * rng.uniform(0.5, 1)
        box_width, box_height = width * scale, height * scale
        left, top = rng.uniform(0, photo.width - box_width), rng.uniform(0, photo.height - box_height)
        cut = photo.resize(
            (width, height), Image.Resampling.BICUBIC, box=(left, top, left + box_width, top + box_height)
        )
        path = folder / f"{number // 100}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cut.save(path, quality=90)
    return folder
