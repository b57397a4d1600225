"""A zip of labelled images that a small network learns in a few steps: every class has its own colour."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from vitexplain.models.builtin.labels import read_labels

COLOURS = ((220, 40, 40), (40, 200, 60), (50, 60, 220), (230, 220, 50))
# Far apart among the 200 classes.
CLASSES = (0, 57, 130, 199)


def write_zip(path: Path, per_class: int = 4, side: int = 32) -> Path:
    """Write `per_class` noisy images of each colour to `path` and return it."""
    labels = read_labels()
    random = np.random.default_rng(7)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(per_class):
            for target, colour in zip(CLASSES, COLOURS, strict=True):
                pixels = np.clip(np.array(colour) + random.normal(0, 15, (side, side, 3)), 0, 255).astype(np.uint8)
                data = io.BytesIO()
                Image.fromarray(pixels).save(data, "JPEG")
                archive.writestr(f"{labels[target][0]}/{number}.JPEG", data.getvalue())
    return path
