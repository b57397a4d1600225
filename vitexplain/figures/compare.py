"""draw_compare: an image with its prediction, and explanations of it side by side, on as many pages as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Literal, get_args

from vitexplain.errors import UsageError
from vitexplain.figures.grid import GAP, MARGIN, Cell, Grid
from vitexplain.figures.letters import broken, height, width
from vitexplain.figures.pages import ROW_TITLE, Band, columns_across, lines_of, paginated
from vitexplain.figures.panel_cells import NARROWEST, PanelCell, PictureCell, part_of
from vitexplain.figures.panels import Panel, Row
from vitexplain.figures.sheet import Sheet
from vitexplain.figures.view_picture import seen_box
from vitexplain.figures.words import about_model, guide, name_of
from vitexplain.render import Drawing
from vitexplain.result import PERCENTILE, Explanation, Result

ScalePer = Literal["panel", "method", "figure"]
"""What shares one colour scale: each panel has its own, or all panels of a method, or all of the figure."""

_NOTES = 7.0
_LONGEST = 9.0
"""The longest line of notes, in inches."""
_NARROWEST_SHEET = 4.0
"""The narrowest figure, in inches without its margins: notes need room."""

_AREAS = ((4, 6.0), (12, 4.4), (10**6, 3.2))
"""The area of a panel's picture in square inches, for up to this many panels."""
_WIDEST = 5.0
"""The widest panel in inches."""

_SHAPE = 1.5
"""The aspect ratio that a figure of panels side by side aims at, width by height."""

_RULES = {
    "panel": "Colours: every panel has a scale of its own.",
    "method": "Colours: one scale for all panels of a method.",
    "figure": "Colours: one scale for all panels.",
}


def draw_compare(
    result: Result,
    rows: Sequence[Row],
    drawing: Drawing | None = None,
    scale_per: ScalePer = "panel",
    notes: Sequence[str] = (),
) -> list[Sheet]:
    """Return the pages of a result's explanations as arranged in `rows`; `notes` are further sentences on the first.

    Rows without a title are one page of any size. Rows with a title are cut into lines and pages that are legible on
    a screen or on paper: at most 1,600 pixels wide, and as high as a sheet of A4 of that width. Under each panel stand
    its colour bar and the statistics that matter. A panel whose scores are all equal says so.
    """
    if scale_per not in get_args(ScalePer):
        raise UsageError(f"scale-per '{scale_per}' is not valid: expected {', '.join(get_args(ScalePer))}")
    panels = [panel for row in rows for panel in row.panels if panel is not None]
    scales = _scales(panels, drawing or Drawing(), scale_per)
    size = _size(result, len(panels))
    picture, part = PictureCell(result, size), part_of(result, size)
    cells = {id(panel): PanelCell(result, panel, part, size, scales[id(panel)]) for panel in panels}
    below = _notes(result, panels, drawing or Drawing(), scale_per, notes)
    if all(row.title is None for row in rows):
        listed: list[Cell | None] = [picture, *(cells[id(panel)] for panel in panels)]
        return [_sheet([Band(None, line) for line in lines_of(listed, _columns(listed, below))], below)]
    across = columns_across(max(size[0], NARROWEST), max(len(row.panels) for row in rows))
    groups = [
        [
            Band(row.title if number == 0 else None, line)
            for number, line in enumerate(lines_of([None if p is None else cells[id(p)] for p in row.panels], across))
        ]
        for row in rows
    ]
    first = Band(None, [picture])
    pages = paginated(groups, first.height)
    if len(pages) == 1:
        return [_sheet([first, *pages[0]], below)]
    names = [f"{name_of(result)}, page {number} of {len(pages)}" for number in range(1, len(pages) + 1)]
    return [
        _sheet([first, *pages[0]], below, names[0]),
        *(_sheet(page, [], name) for page, name in zip(pages[1:], names[1:], strict=True)),
    ]


def _sheet(bands: Sequence[Band], notes: Sequence[str], name: str | None = None) -> Sheet:
    """Return the sheet with one band below the other; notes are beside a picture alone in its row, else at the foot.

    `name` stands above all.
    """
    grid = Grid([band.cells for band in bands])
    width = max(grid.width, _NARROWEST_SHEET) + 2 * MARGIN
    aside = MARGIN + grid.lefts[1] + GAP if notes and len(bands[0].cells) == 1 and len(grid.lefts) > 2 else None
    room = min(width - MARGIN - (aside or MARGIN), _LONGEST)
    lines = [line for note in notes for line in broken(note, room, _NOTES)]
    titles = [broken(band.title, width - 2 * MARGIN, ROW_TITLE, bold=True) if band.title else [] for band in bands]
    heading = broken(name, width - 2 * MARGIN, _NOTES) if name else []
    if aside is not None:
        grid.heights[0] = max(grid.heights[0], grid.title_heights[0] + height(len(lines), _NOTES))
    tops, y = [], MARGIN + (height(len(heading), _NOTES) + GAP if heading else 0.0)
    for row, title in enumerate(titles):
        y += height(len(title), ROW_TITLE)
        tops.append(y)
        y += grid.heights[row] + GAP
    sheet = Sheet(width, y + (height(len(lines), _NOTES) + MARGIN if lines and aside is None else 0.0))
    sheet.text(width - MARGIN, MARGIN, heading, _NOTES, color="0.25", ha="right")
    for row, (band, title) in enumerate(zip(bands, titles, strict=True)):
        sheet.text(MARGIN, tops[row] - height(len(title), ROW_TITLE), title, ROW_TITLE, bold=True)
        for x, cell in zip(grid.lefts, band.cells, strict=False):
            if cell is not None:
                cell.draw(sheet, MARGIN + x, tops[row], grid.title_heights[row])
    place = (MARGIN, y) if aside is None else (aside, tops[0] + grid.title_heights[0])
    sheet.text(*place, lines, _NOTES, color="0.25")
    return sheet


def _size(result: Result, panels: int) -> tuple[float, float]:
    """Return width and height of every panel's picture in inches: its shape is that of what the model saw."""
    x0, y0, x1, y1 = seen_box(result)
    shape = (x1 - x0) / (y1 - y0)
    area = next(area for most, area in _AREAS if panels <= most)
    width = min((area * shape) ** 0.5, _WIDEST)
    tall = min(width / shape, _WIDEST)
    return max(tall * shape, 0.1), max(tall, 0.1)


def _columns(cells: Sequence[Cell | None], notes: Sequence[str]) -> int:
    """Return how many columns bring the figure nearest to the wanted shape; empty places count twice."""
    # Wrapping the notes for every number of columns would take longer than the rest of the figure.
    lengths = [width(note, _NOTES) for note in notes]
    best, columns = float("inf"), 1
    for count in range(1, len(cells) + 1):
        grid = Grid([list(cells[start : start + count]) for start in range(0, len(cells), count)])
        across = max(grid.width, _NARROWEST_SHEET)
        foot = height(sum(ceil(length / min(across, _LONGEST)) for length in lengths), _NOTES)
        shape = (across + 2 * MARGIN) / (sum(grid.heights) + GAP * len(grid.heights) + foot + 2 * MARGIN)
        places = count * len(grid.heights)
        off = max(shape / _SHAPE, _SHAPE / shape) * (places / len(cells)) ** 2
        if off < best:
            best, columns = off, count
    return columns


def _scales(panels: Sequence[Panel], drawing: Drawing, per: ScalePer) -> dict[int, Drawing]:
    """Return how each panel is drawn; a given scale takes precedence over any other."""
    if drawing.scale is not None or per == "panel":
        return {id(panel): drawing for panel in panels}
    ends: dict[str, tuple[float, float]] = {}
    for panel in panels:
        low, high = drawing.asked(panel.explanation) or panel.explanation.display
        lowest, highest = ends.get(_share(panel.explanation, per), (low, high))
        ends[_share(panel.explanation, per)] = min(low, lowest), max(high, highest)
    return {id(panel): _scaled(drawing, ends[_share(panel.explanation, per)]) for panel in panels}


def _share(explanation: Explanation, per: ScalePer) -> str:
    """Return what shares a scale with this; gradient-weighted attention is another quantity than attention."""
    if per == "figure":
        return ""
    return explanation.method if explanation.target is None else f"{explanation.method} for a class"


def _scaled(drawing: Drawing, ends: tuple[float, float]) -> Drawing:
    return replace(drawing, scale=ends, percentile=None) if ends[0] < ends[1] else drawing


def _notes(result: Result, panels: Sequence[Panel], drawing: Drawing, per: ScalePer, more: Sequence[str]) -> list[str]:
    explanations = [panel.explanation for panel in panels]
    rule = _RULES[per]
    if per == "method" and len({_share(each, per) for each in explanations}) > len({e.method for e in explanations}):
        rule += " Here gradient fusion counts as a method of its own."
    if drawing.scale is not None:
        rule = (
            f"Colours: {drawing.scale[0]:g} to {drawing.scale[1]:g} in every panel, scores beyond in the end's colour."
        )
    elif (percentile := drawing.percentile or PERCENTILE) < 100:
        rule += f" It ends at percentile {percentile:g} of the scores; '>' says that some lie beyond."
    return [about_model(result, "the framed part of the picture"), rule, *guide(explanations), *more]
