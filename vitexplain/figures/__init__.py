"""Figures: panels of explanations side by side, and the drawn graph. matplotlib is loaded by the first figure."""

from vitexplain.figures.captioned import OVERLAY_FORMATS, OverlayFormat, draw_captioned, overlay_file
from vitexplain.figures.compare import ScalePer, draw_compare
from vitexplain.figures.deletion_frames import deletion_frames
from vitexplain.figures.drawn_graph import draw_graph
from vitexplain.figures.files import FIGURE_FORMATS, FigureFormat, figure_file, page_files, png_of
from vitexplain.figures.graph_words import about_drawn, about_flow, about_paths, title_of
from vitexplain.figures.layer_frames import layer_frames
from vitexplain.figures.panels import Panel, Row, rows_by_head, rows_by_layer, rows_by_target, side_by_side
from vitexplain.figures.words import colour_ends, panel_title

__all__ = [
    "FIGURE_FORMATS",
    "OVERLAY_FORMATS",
    "FigureFormat",
    "OverlayFormat",
    "Panel",
    "Row",
    "ScalePer",
    "about_drawn",
    "about_flow",
    "about_paths",
    "colour_ends",
    "deletion_frames",
    "draw_captioned",
    "draw_compare",
    "draw_graph",
    "figure_file",
    "layer_frames",
    "overlay_file",
    "page_files",
    "panel_title",
    "png_of",
    "rows_by_head",
    "rows_by_layer",
    "rows_by_target",
    "side_by_side",
    "title_of",
]
