"""The plots of an evaluation, as its metrics draw them, as PNG."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.evaluation.findings import Evaluation
from vitexplain.render import encode_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plots(evaluation: Evaluation) -> dict[str, bytes]:
    """Return PNG files by name; each carries the mark of the images it was made from."""
    mark = hashlib.sha256("".join(evaluation.images).encode()).hexdigest()
    found = {}
    for metric in evaluation.question.chosen if evaluation.images else ():
        figure = metric.draw(evaluation)
        if metric.plot is not None and figure is not None:
            found[metric.plot] = _file(figure, mark)
    return found


def _file(figure: Figure, mark: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return encode_png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()), mark, photo=False)
