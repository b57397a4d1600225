"""The plots of an evaluation, as its metrics draw them, as PNG."""

from __future__ import annotations

import hashlib

from vitexplain.evaluation.findings import Evaluation
from vitexplain.figures import png_of


def plots(evaluation: Evaluation) -> dict[str, bytes]:
    """Return PNG files by name; each carries the mark of the images it was made from."""
    mark = hashlib.sha256("".join(evaluation.images).encode()).hexdigest()
    found = {}
    for metric in evaluation.question.chosen if evaluation.images else ():
        figure = metric.draw(evaluation)
        if metric.plot is not None and figure is not None:
            found[metric.plot] = png_of(figure, mark)
    return found
