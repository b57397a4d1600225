"""A result that no model made: a small picture, a view in its middle, scores with one peak."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from vitexplain.images import Picture, View
from vitexplain.output import draw_explanation
from vitexplain.result import Explanation, ModelInfo, Prediction, Result, Transform

TRANSFORM = Transform((56, 56), (0.5, 0.25, 0.125), (0.5, 0.5, 0.75), "bicubic", 0.9)
RUNTIME = {"device": "cpu", "dtype": "float32", "threads": 2, "batch_size": 1}


def picture(path: str | None = "photos/cat.jpg", width: int = 64, height: int = 48, seed: int = 0) -> Picture:
    """Return a picture of noise; another seed is another input with another hash."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(Image.fromarray(pixels), path, hashlib.sha256(pixels.tobytes()).hexdigest())


def explanation(spec: str = "rollout", rows: int = 4, cols: int = 4) -> Explanation:
    """Return scores (rows, cols) float32, the last one the largest; a flow has its cut and its statistics."""
    scores = np.linspace(0.01, 0.1, rows * cols, dtype=np.float32).reshape(rows, cols)
    method = spec.partition(":")[0]
    flow = method == "flow"
    return Explanation(
        method=method,
        spec=spec,
        options={"fusion": "mean", "layers": (1, 12)},
        scores=scores,
        unit="share",
        layers=(1, 12),
        source="readout",
        statistics={"source_limited": 0.25, "sink_limited": 0.75, "gap": 0.0} if flow else {"prefix_share": 0.2},
        cut_layers=tuple(tuple((1 + row, 12) for _ in range(cols)) for row in range(rows)) if flow else None,
    )


def result(given: Picture | None = None, explanations: Sequence[Explanation] | None = None) -> Result:
    """Return a result whose view is the square in the picture's middle."""
    seen = given or picture()
    side = min(seen.width, seen.height)
    left, top = (seen.width - side) / 2, (seen.height - side) / 2
    return Result(
        picture=seen,
        view=View("crop", (left, top, left + side, top + side), (56, 56)),
        model=ModelInfo("builtin", "built-in", 12, 6, 17, 1, (4, 4), TRANSFORM),
        predictions=(Prediction(3, "tabby", "n02123045", 0.75, 2.5), Prediction(9, None, None, 0.25, 1.4)),
        explanations=tuple(explanations) if explanations is not None else (explanation(),),
        runtime=RUNTIME,
        seconds={"total": 0.1234567},
        drawn_by=draw_explanation,
    )
