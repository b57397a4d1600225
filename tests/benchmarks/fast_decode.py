"""`--fast-decode` against decoding whole: time to read, and how much scores and probabilities differ.

    python -m tests.benchmarks.fast_decode PHOTOGRAPH...

Each photograph is made a JPEG of 1,600 and of 3,200 pixels on its longer side (quality 90).
"""

from __future__ import annotations

import io
import sys
import time
from dataclasses import replace

import numpy as np
from PIL import Image
from scipy.stats import spearmanr

from vitexplain.images import Least, open_picture, prepare
from vitexplain.models import load_model
from vitexplain.pipeline import Request, chosen_methods, explain_batch
from vitexplain.render import LONG_SIDE


def main(paths: list[str]) -> None:
    """Print a line for every size of picture."""
    model = load_model("builtin")
    request = Request(chosen_methods([], {})).for_model(model)
    for side, drawn in ((1600, 0), (3200, 0), (3200, LONG_SIDE)):
        least = replace(request, fast_decode=drawn).least(model.preprocess)
        seconds, likeness, moved, same = [0.0, 0.0], [], [], []
        for path in paths:
            data = _jpeg(path, side)
            found = []
            for index, limit in enumerate[Least | None]((None, least)):
                started = time.process_time()
                picture = open_picture(data, least=limit)
                pixels, view = prepare(picture, model.preprocess)
                seconds[index] += time.process_time() - started
                found.append(explain_batch(model, [(picture, pixels, view)], request, [0.0])[0])
            first, again = (each.predictions[0] for each in found)
            maps = [each.explanations[0].scores.ravel() for each in found]
            likeness.append(spearmanr(*maps).statistic)
            moved.append(abs(first.probability - again.probability))
            same.append(first.index == again.index)
        print(
            f"{side} pixels, drawn at {drawn}: time {seconds[1] / seconds[0]:.2f}, "
            f"correlation {np.median(likeness):.4f} ({min(likeness):.4f}), "
            f"probability {np.median(moved):.4f} ({max(moved):.4f}), class {np.mean(same):.1%}"
        )


def _jpeg(path: str, side: int) -> bytes:
    with Image.open(path) as photo:
        scale = side / max(photo.size)
        size = round(photo.width * scale), round(photo.height * scale)
        stream = io.BytesIO()
        photo.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=90)
    return stream.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
