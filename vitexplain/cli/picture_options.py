"""The options of the picture that is read, and where it is read from."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, get_args

from vitexplain.cli.groups import PICTURE, Group, option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.images import PictureInput, ViewKind


@dataclass(frozen=True)
class PictureOptions(Group):
    """What the model sees of a picture, and how large one may be."""

    panel: ClassVar[str] = PICTURE
    view: str | None = option(
        None,
        "crop (the middle, as in timm's evaluation), squash (all, stretched) or whole (all, in its own shape; for "
        "models that take any size). By default the model's own.",
        env=True,
        metavar="crop|squash|whole",
    )
    max_pixels: int | None = option(
        None, "Refuse pictures with more pixels than this (120,000,000).", env=True, low=1, expert=True
    )

    @property
    def view_kind(self) -> ViewKind | None:
        """The kind of view, None for the model's own; UsageError for another word."""
        from vitexplain.images import ViewKind

        kinds: tuple[ViewKind, ...] = get_args(ViewKind)
        for kind in kinds:
            if self.view == kind:
                return kind
        if self.view is None:
            return None
        raise UsageError(f"view '{self.view}' is not valid: expected {', '.join(kinds[:-1])} or {kinds[-1]}")

    @property
    def limit(self) -> int:
        """The largest picture that is read, in pixels."""
        from vitexplain.images import DEFAULT_MAX_PIXELS

        return DEFAULT_MAX_PIXELS if self.max_pixels is None else self.max_pixels


def may_be_read(path: str) -> bool:
    """Whether there is a file of this name, or it is standard input."""
    # os.path answers False where Path.is_file raises, as for a name that is too long.
    return path == "-" or os.path.isfile(path)  # noqa: PTH113


def picture_input(path: str) -> PictureInput:
    """Return what the pipeline opens: the path as given, or standard input for "-"."""
    return sys.stdin.buffer if path == "-" else path
