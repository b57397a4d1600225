"""Charts that metrics draw: means by layer, and curves by the share of patches. matplotlib, when first drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.evaluation.controls import is_control
from vitexplain.methods import Method

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitexplain.evaluation.findings import Evaluation

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b", "#6a3d9a", "#b15928")
"""Okabe and Ito's colours for all kinds of colour vision, and more; controls are grey and dashed."""

DASHES = ((0, (1, 1)), (0, (5, 2)), (0, (3, 1, 1, 1)))


def chart_by_layer(
    evaluation: Evaluation, metric: str, panels: Sequence[tuple[Method | None, str]], below: str
) -> Figure:
    """Draw the mean of each method by layer, with its 95% interval; panels are references and their titles.

    `below` is written below the layers.
    """
    rows = [row for row in evaluation.rows if row.cell.metric == metric]
    figure = _figure(len(panels))
    names = list(dict.fromkeys(row.cell.method for row in rows))
    for axes, (reference, title) in zip(figure.axes, panels, strict=True):
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
        axes.set_xlabel(below)
        axes.set_xticks(sorted({row.cell.layer for row in rows}))
        axes.set_title(title, fontsize=10)
    figure.axes[0].set_ylabel("Spearman's rank correlation")
    return _finish(figure, evaluation)


def chart_curves(evaluation: Evaluation, panels: Sequence[tuple[str, str]]) -> Figure:
    """Draw the mean of what is followed by the share of patches; panels are curves and what happens to patches."""
    figure = _figure(len(panels))
    for axes, (what, direction) in zip(figure.axes, panels, strict=True):
        curves = evaluation.curves[what]
        for name, curve in curves.items():
            axes.plot(np.linspace(0, 1, len(curve)), curve, **_style(name, list(curves)))
        axes.set_title(what, fontsize=10)
        axes.set_xlabel(f"share of patches {direction}, highest scores first")
    figure.axes[0].set_ylabel(f"{evaluation.question.of} of the target")
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
