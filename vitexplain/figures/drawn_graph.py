"""draw_graph: the attention graph with layers as rows, from the patches at the bottom to the readout on top."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vitexplain.attention import LayeredGraph
from vitexplain.figures.graph_places import Places
from vitexplain.figures.grid import GAP, MARGIN
from vitexplain.figures.letters import broken, height
from vitexplain.figures.sheet import Sheet
from vitexplain.figures.view_picture import patch_picture, seen, seen_box
from vitexplain.figures.words import about_model, predictions
from vitexplain.graph import PatchFlow, Path
from vitexplain.graph.flow import Edge
from vitexplain.result import Result

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "0.55"
"""Colours that colour-blind readers tell apart (Okabe & Ito 2008): paths, the cut, tokens that are not patches."""

_SIDE = 2.9
_TITLE, _SAID, _TEXT, _LABEL = 10.0, 9.0, 7.0, 6.0
_LONGEST = 10.0
"""The longest line below the drawing, in inches."""
_WIDTHS = (0.4, 4.5)
"""Widths in points of the thinnest and the thickest line."""


def draw_graph(
    result: Result,
    graph: LayeredGraph,
    paths: Sequence[Path],
    flow: PatchFlow | None = None,
    *,
    title: str,
    said: str,
    notes: Sequence[str] = (),
) -> Sheet:
    """Return the figure of `paths` through the graph; with `flow` the edges of its minimum cut are marked.

    Below the drawing `said` says what one sees.
    Every token on a path has a column, the same in all layers, so that a vertical line is a token that reads itself
    (by the skip connection and by attention). At the bottom are pictures of the patches.
    """
    places = Places(graph, paths, left=MARGIN + _SIDE + GAP)
    texts = [
        line
        for note in [*_reading(flow), about_model(result, "this picture"), *notes]
        for line in broken(note, _SIDE, _TEXT)
    ]
    classes = predictions(result)
    x0, y0, x1, y1 = seen_box(result)
    tall = min(_SIDE * (y1 - y0) / (x1 - x0), 2 * _SIDE)
    wide = tall * (x1 - x0) / (y1 - y0)
    width = max(places.right + MARGIN, 7.0)
    title_lines = broken(title, width - 2 * MARGIN, _TITLE, bold=True)
    top = MARGIN + height(len(title_lines), _TITLE) + GAP
    left_column = tall + height(len(classes), _TEXT + 1) + 2 * GAP + height(len(texts), _TEXT)
    foot = top + max(left_column, places.height) + GAP
    said_lines = broken(said, min(width - 2 * MARGIN, _LONGEST), _SAID)
    sheet = Sheet(width, foot + height(len(said_lines), _SAID) + MARGIN)
    sheet.text(MARGIN, MARGIN, title_lines, _TITLE, bold=True)
    _picture(sheet, result, graph, paths, (MARGIN, top, wide, tall))
    y = top + tall + GAP
    sheet.text(MARGIN, y, classes, _TEXT + 1)
    sheet.text(MARGIN, y + height(len(classes), _TEXT + 1) + GAP, texts, _TEXT, color="0.25")
    _levels(sheet, places, top)
    _edges(sheet, places, paths, flow, top)
    _thumbnails(sheet, result, places, top)
    sheet.text(MARGIN, foot, said_lines, _SAID)
    return sheet


def _reading(flow: PatchFlow | None) -> list[str]:
    found = [
        "Rows are layers, columns are tokens; a vertical line is a token that reads itself. The thicker a line, the "
        "more the drawn paths together carry there (its width grows with the square root)."
    ]
    if flow is not None:
        found.append(
            "Orange, dashed: those edges of the minimum cut that drawn paths use; no flow is larger than the whole cut."
        )
    return found


def _edges(sheet: Sheet, places: Places, paths: Sequence[Path], flow: PatchFlow | None, top: float) -> None:
    """Draw each edge once, as wide as what the paths on it carry; the cut's over the others."""
    carried: dict[Edge, float] = {}
    through: dict[tuple[int, int], float] = {}
    for path in paths:
        levels = range(len(path.tokens) - 1, -1, -1)
        for level, token in zip(levels, path.tokens, strict=True):
            through[level, token] = through.get((level, token), 0.0) + path.weight
        edges = [(level, *pair) for level, pair in zip(levels, pairwise(path.tokens), strict=False)]
        if places.virtual:
            edges.insert(0, (len(path.tokens), -1, path.tokens[0]))
        for edge in edges:
            carried[edge] = carried.get(edge, 0.0) + path.weight
    most = max(carried.values(), default=1.0)
    thin, thick = _WIDTHS
    cut = frozenset[Edge]() if flow is None else flow.cut
    for chosen, style in (
        ([edge for edge in carried if edge not in cut], {"colors": BLUE, "alpha": 0.75}),
        (
            [edge for edge in carried if edge in cut],
            {"colors": VERMILION, "linestyles": (0, (1.4, 0.5)), "capstyle": "butt", "zorder": 3.5},
        ),
    ):
        segments = [(places.at(level, reader, top), places.at(level - 1, read, top)) for level, reader, read in chosen]
        widths = [thin + (thick - thin) * (carried[edge] / most) ** 0.5 for edge in chosen]
        sheet.lines(segments, linewidths=widths, **style)
    dots = [places.at(level, token, top) for level, token in through]
    sheet.dots(dots, [2.0 + 3.5 * (weight / most) ** 0.5 for weight in through.values()], color="black")
    sheet.dots([places.source(top)], [9.0], color="black")


def _levels(sheet: Sheet, places: Places, top: float) -> None:
    """Draw one faint line per level, with its name at the left."""
    for level, name in places.levels():
        y = places.y(level, top)
        sheet.lines([((places.first_x, y), (places.right, y))], linewidths=0.4, colors="0.88", zorder=1)
        sheet.text(places.first_x - 0.08, y, name, _LABEL, ha="right", va="center")


def _thumbnails(sheet: Sheet, result: Result, places: Places, top: float) -> None:
    """Draw each column's patch at the bottom, and its row and column under it."""
    side, y = places.thumbnail, places.y(0, top) + 0.1
    for token, x in places.columns.items():
        patch = places.graph.grid.patch_of_token(token)
        if patch is None:
            sheet.frame(x - side / 2, y, side, side, facecolor=GREY, edgecolor="none")
        else:
            sheet.image(patch_picture(result, patch, 64), x - side / 2, y, side, side)
        sheet.frame(x - side / 2, y, side, side)
        name = places.token_name(token)
        sheet.text(x, y + side + 0.04, name, _LABEL, ha="center", rotation=90 if len(name) > 2 else 0)


def _picture(
    sheet: Sheet, result: Result, graph: LayeredGraph, paths: Sequence[Path], box: tuple[float, float, float, float]
) -> None:
    """Draw what the model saw, the patches where paths end framed."""
    x, y, width, tall = box
    sheet.image(seen(result, (round(width * 200), round(tall * 200))), x, y, width, tall)
    sheet.frame(x, y, width, tall)
    left, upper, right, lower = seen_box(result)
    x0, y0, x1, y1 = result.view.box
    across, down = width / (right - left), tall / (lower - upper)
    rows, cols = graph.grid.rows, graph.grid.cols
    for token in {path.tokens[-1] for path in paths}:
        patch = graph.grid.patch_of_token(token)
        if patch is not None:
            row, col = patch
            corner = x + (x0 - left + (x1 - x0) * col / cols) * across, y + (y0 - upper + (y1 - y0) * row / rows) * down
            size = (x1 - x0) / cols * across, (y1 - y0) / rows * down
            for colour, line in (("white", 2.2), (BLUE, 1.2)):
                sheet.frame(*corner, *size, edgecolor=colour, linewidth=line)
