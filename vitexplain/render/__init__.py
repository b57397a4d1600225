"""Scores as pictures: heatmap, overlay, panel, PNG. The only package that uses OpenCV; the first picture loads it."""

from vitexplain.render.cut_layers import draw_cut_layers
from vitexplain.render.drawing import COLORMAPS, DIVERGING, LONG_SIDE, STYLES, Drawing
from vitexplain.render.encoded import PictureFormat, encode_picture
from vitexplain.render.heatmap import draw_heatmap
from vitexplain.render.overlay import draw_overlay
from vitexplain.render.png import MARK_BYTES, encode_png, end_mark

__all__ = [
    "COLORMAPS",
    "DIVERGING",
    "LONG_SIDE",
    "MARK_BYTES",
    "STYLES",
    "Drawing",
    "PictureFormat",
    "draw_cut_layers",
    "draw_heatmap",
    "draw_overlay",
    "encode_picture",
    "encode_png",
    "end_mark",
]
