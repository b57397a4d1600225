"""Plots of an evaluation as PNG: by layer, and the curves while patches are removed. matplotlib, when first drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.evaluation.judge import Evaluation
from vitexplain.evaluation.rows import Row, reference_name
from vitexplain.evaluation.store import PLOTS
from vitexplain.evaluation.values import is_control
from vitexplain.render import encode_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#6a3d9a", "#b15928")
"""Okabe and Ito's colours for all kinds of colour vision, and more; controls are grey and dashed."""

DASHES = ((0, (1, 1)), (0, (5, 2)), (0, (3, 1, 1, 1)))


def plots(evaluation: Evaluation) -> dict[str, bytes]:
    """Return PNG files by name; each carries the mark of the images it was made from."""
    mark = hashlib.sha256("".join(evaluation.images).encode()).hexdigest()
    found = {}
    for metric in ("spearman", "randomisation"):
        rows = [row for row in evaluation.rows if row.cell.metric == metric]
        if rows:
            found[PLOTS[metric]] = _file(_by_layer(evaluation, rows), mark)
    if evaluation.curves:
        found[PLOTS["curves"]] = _file(_curves(evaluation), mark)
    return found


def _by_layer(evaluation: Evaluation, rows: Sequence[Row]) -> Figure:
    """Draw a panel for every reference: the mean of each method by layer, with its 95 % interval."""
    references = list(dict.fromkeys(row.cell.reference for row in rows))
    figure = _figure(len(references))
    names = list(dict.fromkeys(row.cell.method for row in rows))
    for place, reference in enumerate(references):
        axes = figure.axes[place]
        for name in names:
            line = [row for row in rows if (row.cell.method, row.cell.reference) == (name, reference)]
            line.sort(key=lambda row: row.cell.layer)
            layers = [row.cell.layer for row in line]
            mean, low, high = (np.array([getattr(row, end) for row in line], float) for end in ("mean", "low", "high"))
            style = _style(name, names)
            axes.plot(layers, mean, **style)
            if not is_control(name):
                axes.fill_between(layers, low, high, color=style["color"], alpha=0.15, linewidth=0)
        axes.axhline(0, color="#999999", linewidth=0.6)
        axes.set_xlabel("layer" if reference is not None else "lowest layer drawn anew")
        axes.set_xticks(sorted({row.cell.layer for row in rows}))
        axes.set_title(
            "likeness to the untouched model" if reference is None else reference_name(reference), fontsize=10
        )
    figure.axes[0].set_ylabel("Spearman's rank correlation")
    return _finish(figure, evaluation)


def _curves(evaluation: Evaluation) -> Figure:
    """Draw two panels: the target's mean probability while patches are removed, and while they are revealed."""
    figure = _figure(2)
    names = list(evaluation.curves)
    share = np.linspace(0, 1, evaluation.question.steps + 1)
    for place, (what, direction) in enumerate((("deletion", "removed"), ("insertion", "revealed"))):
        axes = figure.axes[place]
        for name in names:
            axes.plot(share, evaluation.curves[name][place], **_style(name, names))
        axes.set_title(what, fontsize=10)
        axes.set_xlabel(f"share of patches {direction}, highest scores first")
    figure.axes[0].set_ylabel("probability of the target")
    return _finish(figure, evaluation)


def _figure(panels: int) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * panels + 2.2, 3.8), dpi=150, layout="constrained")
    figure.subplots(1, panels, sharey=True)
    return figure


def _style(name: str, names: Sequence[str]) -> dict[str, Any]:
    methods, controls = [[each for each in names if is_control(each) == kind] for kind in (False, True)]
    if is_control(name):
        dashes = DASHES[controls.index(name) % len(DASHES)]
        grey = "#555555" if not name.endswith("@other") else "#999999"
        return {"label": name, "color": grey, "linestyle": dashes, "linewidth": 1.0}
    colour = COLOURS[methods.index(name) % len(COLOURS)]
    return {"label": name, "color": colour, "linewidth": 1.8, "marker": ".", "markersize": 4}


def _finish(figure: Figure, evaluation: Evaluation) -> Figure:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    images = len(evaluation.images)
    figure.suptitle(f"{evaluation.model}: {images} image{'s' * (images != 1)}", fontsize=10)
    return figure


def _file(figure: Figure, mark: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return encode_png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()), mark, photo=False)
