"""`--show`: the overlay in the terminal itself, as the terminal can draw it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.cli.groups import OUTPUT, Group, option
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console

    from vitexplain.render import Drawing
    from vitexplain.result import Explanation, Result

UPPER_HALF = "\u2580"

AUTO, BLOCKS, KITTY, ITERM, SIXEL = WAYS = ("auto", "blocks", "kitty", "iterm", "sixel")

_WIDEST, _NARROWEST = 100, 32
"""Columns of a picture: wider ones show no more of a grid of patches, narrower ones too little."""
_LEFT = 4
"""Rows of the terminal that a picture leaves to the words above it and the prompt below."""
_PIXELS = 10
"""Pixels sent for a column of the terminal, also over slow lines, unless the terminal says how many it has."""


@dataclass(frozen=True)
class ShowOptions(Group):
    """Whether overlays are shown in the terminal, and how."""

    panel: ClassVar[str] = OUTPUT
    show: bool = option(False, "Also show each overlay in the terminal.")
    show_as: str = option(
        AUTO,
        "How --show draws: blocks (coloured half blocks, works everywhere), or the images of kitty, iterm (iTerm2) or "
        "sixel. By default what the terminal is known for, inside tmux and screen blocks.",
        env=True,
        metavar="|".join(WAYS),
        expert=True,
    )

    def shown_in(self, terminal: TerminalOptions, *, json: bool) -> ShownPictures | None:
        """Return what shows pictures, None where nothing is to be shown; UsageError for an unknown word.

        They go to stdout, with --json to stderr. A stream that is no terminal gets a notice and no pictures.
        """
        if self.show_as not in WAYS:
            raise UsageError(f"show-as '{self.show_as}' is not valid: expected {', '.join(WAYS[:-1])} or {WAYS[-1]}")
        if not self.show:
            return None
        stream, name = (sys.stderr, "stderr") if json else (sys.stdout, "stdout")
        if not stream.isatty():
            terminal.warn(f"--show needs a terminal, and {name} is none: no picture is shown")
            return None
        return ShownPictures(stream, known_way(os.environ) if self.show_as == AUTO else self.show_as)


def known_way(environment: Mapping[str, str]) -> str:
    """Return how the terminal draws pictures, from variables that it sets; some of them go through ssh.

    A multiplexer hands on the variables of the terminal around it, but not its pictures.
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return BLOCKS
    if term in ("xterm-kitty", "xterm-ghostty") or "KITTY_WINDOW_ID" in environment or program == "ghostty":
        return KITTY
    if program in ("iTerm.app", "WezTerm") or environment.get("LC_TERMINAL") == "iTerm2":
        return ITERM
    return SIXEL if term.startswith(("foot", "mlterm", "contour")) else BLOCKS


class ShownPictures:
    """Shows overlays on a terminal, in one of WAYS; where there are no colours, scores as shades of letters."""

    def __init__(self, stream: Any, way: str) -> None:
        from vitexplain.cli.console import console_for

        self._console: Console = console_for(stream)
        self._way = way

    def show(self, result: Result, drawing: Drawing) -> None:
        """Show the overlays of a result side by side, above each its method and what the colours mean."""
        drawing = replace(drawing, colorbar=False, full_size=False)
        across = max(1, min(len(result.explanations), self._console.width // _NARROWEST))
        columns = min(_WIDEST, (self._console.width + 1) // across - 1)
        for start in range(0, len(result.explanations), across):
            self._row(result, result.explanations[start : start + across], drawing, columns)

    def _row(self, result: Result, explanations: Sequence[Explanation], drawing: Drawing, columns: int) -> None:
        from vitexplain.render.terminal import beside, shaded

        if self._is_plain:
            self._lines([_title(each, "dense letters") for each in explanations], columns)
            drawn = [shaded(each.scores, drawing.of(each), columns) for each in explanations]
            self._write("\n".join(beside(drawn, columns)))
            return
        assert result.drawn_by is not None
        pictures = [result.drawn_by(result, each, **asdict(drawing)) for each in explanations]
        width, height = pictures[0].size
        lines = 2 * max(1, self._console.height - _LEFT)  # a letter is twice as high as it is wide
        columns = max(1, min(columns, lines * width // height))
        room = columns if len(explanations) > 1 else self._console.width  # one title has the whole line
        self._lines([_title(each, "warm") for each in explanations], room)
        self._draw(pictures, columns, max(1, round(columns * height / width / 2)))

    def _lines(self, texts: Sequence[str], columns: int) -> None:
        """Write texts side by side, each broken to fewer columns than that, so that two do not touch."""
        from vitexplain.cli.console import clean
        from vitexplain.render.terminal import beside

        self._write("\n".join(beside([wrap(clean(text), max(1, columns - 1)) for text in texts], columns)))

    @property
    def _is_plain(self) -> bool:
        """Whether the terminal has too few colours for a photograph, or none are wanted."""
        console = self._console
        coloured = not console.no_color and console.color_system in ("256", "truecolor")
        return self._way == BLOCKS and not (coloured and console.encoding.startswith("utf"))

    def _draw(self, pictures: Sequence[Image.Image], columns: int, rows: int) -> None:
        """Draw pictures of one size side by side, each in so many columns and rows of the terminal."""
        from vitexplain.render.terminal import iterm, joined, kitty, sixel

        if self._way == BLOCKS:
            self._blocks(joined(pictures, (columns, 2 * rows), 1))
            return
        known = _pixels_a_column(self._console.file) if self._way == SIXEL else _PIXELS
        width = columns * known
        picture = joined(pictures, (width, width * pictures[0].height // pictures[0].width), known)
        if self._way == SIXEL:
            self._write(sixel(picture))
        else:
            self._write((kitty if self._way == KITTY else iterm)(picture, (columns + 1) * len(pictures) - 1))

    def _blocks(self, pixels: Image.Image) -> None:
        """Draw pixels, two in each letter: the upper one is the colour of the letter, the lower one of its ground."""
        import numpy as np
        from rich.color import Color
        from rich.segment import Segment, Segments
        from rich.style import Style

        from vitexplain.render.terminal import nearest_of_256

        flat = np.asarray(pixels).reshape(-1, 3)
        if self._console.color_system == "256":  # rich's own choice makes dark pixels red
            colours = [Color.from_ansi(number) for number in nearest_of_256(flat).tolist()]
        else:
            colours = [Color.from_rgb(*pixel) for pixel in flat.tolist()]
        rows = [colours[start : start + pixels.width] for start in range(0, len(colours), pixels.width)]
        for upper, lower in zip(rows[::2], rows[1::2], strict=True):
            letters = [Segment(UPPER_HALF, Style(color=up, bgcolor=low)) for up, low in zip(upper, lower, strict=True)]
            self._console.print(Segments([*letters, Segment.line()]), end="")

    def _write(self, text: str) -> None:
        """Write text as it is; rich would escape the sequences of pictures."""
        self._console.file.write(f"{text}\n")
        self._console.file.flush()


def _title(explanation: Explanation, warm: str) -> str:
    """Return the method of a picture and what its colours mean; `warm` names those of the highest scores."""
    from vitexplain.figures import colour_ends, panel_title

    low, high = colour_ends(explanation)
    against = f"blue: {low}, " if explanation.signed and warm == "warm" else ""
    return f"{panel_title(explanation)}; {against}{warm}: {high}"


def _pixels_a_column(stream: Any) -> int:
    """Return how many pixels wide a column of the terminal is, or a usual number where it does not say."""
    import fcntl
    import struct
    import termios

    _, columns, across, _ = struct.unpack("4H", fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, bytes(8)))
    return across // columns or _PIXELS if columns else _PIXELS
