"""Letters: how wide a text is, how it is wrapped, and what replaces letters that the font lacks."""

from __future__ import annotations

import functools
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.images.files import shown

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

LINE = 1.2
"""Height of a line as a multiple of the letters' size."""

_SLACK, _ENLARGED = 1.03, 20
_BREAK_AFTER = " ,:/_-·;"


def font(size: float, bold: bool = False) -> FontProperties:
    """Return the font that comes with matplotlib, whatever the user's settings are."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=_file(bold), size=size)


def written(text: str) -> str:
    """Return the text in one line with letters that the font has; others are escaped."""
    known = _charmap()
    kept = shown(text.replace("\n", " "))
    return "".join(c if ord(c) in known else c.encode("unicode_escape").decode("ascii") for c in kept)


def width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a text of `size` points, in inches, with a little to spare."""
    face = _face(bold)
    # Large, because small letters are measured in whole pixels.
    face.set_size(size, 72 * _ENLARGED)
    face.set_text(written(text), 0.0)
    return float(face.get_width_height()[0]) / 64 / (72 * _ENLARGED) * _SLACK


def height(lines: int, size: float) -> float:
    """Return the height of this many lines, in inches."""
    return lines * size * LINE / 72


def broken(text: str, room: float, size: float, bold: bool = False) -> list[str]:
    """Return the text in lines of at most `room` inches, wrapped after spaces and signs, inside a word if necessary."""
    lines, line = [], ""
    for piece in _pieces(written(text)):
        if width((line + piece).rstrip(), size, bold) <= room:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece
        while width(line.rstrip(), size, bold) > room and len(line) > 1:
            cut = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or width(line[:n], size, bold) <= room)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def joined(parts: list[str], room: float, size: float) -> list[str]:
    """Return parts in lines of at most `room` inches, with a dot between two on one line; a part is kept whole."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else ""
        if lines and width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines += broken(part, room, size)
    return lines


def _pieces(text: str) -> list[str]:
    pieces, piece = [], ""
    for letter, following in zip_longest(text, text[1:]):
        piece += letter
        in_flag = letter == "-" and piece.lstrip("(\"'").startswith("-")  # --scale-per is kept whole
        if letter in _BREAK_AFTER and following != "%" and not in_flag:
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces


def _file(bold: bool) -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{'-Bold' * bold}.ttf"


@functools.cache
def _face(bold: bool) -> Any:
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(_file(bold)))


@functools.cache
def _charmap() -> frozenset[int]:
    return frozenset(_face(False).get_charmap()) & frozenset(_face(True).get_charmap())
