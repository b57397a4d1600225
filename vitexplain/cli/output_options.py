"""The options of what is written and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.cli.groups import OUTPUT, Group, option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.methods import Method
    from vitexplain.output import WriteOptions
    from vitexplain.render import Drawing

DEFAULT_FOLDER = Path("explanations")

DRAWN = ("style", "alpha", "colormap", "scale", "percentile", "interpolation", "grid")
"""Options of how scores are drawn that figures have, too."""

JSON_LINES = "Print JSON Lines on stdout and nothing else"


@dataclass(frozen=True)
class ListOptions(Group):
    """How a list is printed."""

    panel: ClassVar[str] = OUTPUT
    json: bool = option(False, f"{JSON_LINES}.")


@dataclass(frozen=True)
class OutputOptions(Group):
    """What is printed, what is written and where, and how scores are drawn."""

    panel: ClassVar[str] = OUTPUT
    top_k: int = option(5, "Number of predictions; all classes of a model that has fewer.", low=1)
    out: Path | None = option(
        None, "Folder to write to.", short="-o", env=True, shown=str(DEFAULT_FOLDER), metavar="DIR"
    )
    json: bool = option(False, f"{JSON_LINES}; files are written only with --out.")
    overwrite: bool = option(False, "Replace files that belong to another image.")
    style: str = option(
        "grey",
        "How scores are drawn: grey (heat on the photograph in grey), blend (half heatmap, half photograph), contour "
        "(lines of equal score), patches (flat squares) or top:10% (the highest tenth in colour, the rest in grey).",
        env=True,
        metavar="STYLE",
    )
    alpha: float | None = option(
        None, "Opacity of the heat where it is strongest, 0 to 1.", shown="0.9; with --style blend 0.5"
    )
    colormap: str = option(
        "inferno", "inferno, viridis, cividis, magma, plasma, turbo, jet, hot or bone.", env=True, metavar="NAME"
    )
    colorbar: bool = option(False, "Draw the colour scale beside the overlay.")
    scale: str | None = option(None, "The same colours for the same scores in every image.", metavar="LOW:HIGH")
    percentile: float | None = option(
        None,
        "Where the colours end: at this percentile of the image's scores, 100 for the largest. Lower ones help where "
        "single patches take the whole scale.",
        shown="99.5",
    )
    interpolation: str = option(
        "cubic", "Between the patches: cubic (smooth) or nearest (flat squares).", metavar="cubic|nearest"
    )
    grid: bool = option(False, "Draw lines between the patches.")
    full_size: bool = option(False, "Keep the picture's own size, instead of 640 to 1,600 pixels on its longer side.")
    outline: bool = option(False, "Draw a contour around the patches that alone keep the prediction. Implies --check.")
    heatmap: bool = option(False, "Also write the heatmap alone.")
    npy: bool = option(False, "Also write the raw scores as .npy.", expert=True)
    cut_layers: bool = option(
        False,
        "Also draw each patch tinted by the layer with most of its minimum cut (flow).",
        expert=True,
    )

    @property
    def folder(self) -> Path | None:
        """Where files go; None if none are written, which is so with --json alone."""
        return self.out if self.out is not None else None if self.json else DEFAULT_FOLDER

    def drawing(self) -> Drawing:
        """Return how pictures are drawn; UsageError for a scale that is not LOW:HIGH."""
        from vitexplain.render import Drawing

        limits = None
        if self.scale is not None:
            low, _, high = self.scale.partition(":")
            try:
                limits = float(low), float(high)
            except ValueError:
                raise UsageError(f"scale '{self.scale}' is not valid: expected LOW:HIGH, two numbers") from None
        # Drawing itself refuses another word.
        interpolation: Any = self.interpolation
        return Drawing(
            alpha=self.alpha,
            colormap=self.colormap,
            scale=limits,
            colorbar=self.colorbar,
            full_size=self.full_size,
            outline=self.outline,
            style=self.style,
            percentile=self.percentile,
            interpolation=interpolation,
            grid=self.grid,
        )

    def check_files(self, methods: Sequence[Method]) -> None:
        """Raise UsageError for kinds of files that none of the methods gives."""
        from vitexplain.pipeline import require_flow

        if self.cut_layers:
            require_flow("cut_layers", methods)

    def write_options(self, *, record: bool = True) -> WriteOptions | None:
        """Return what is written, with or without a record for each image; None if nothing is.

        UsageError for files that were asked for but are not written; OutputError if the folder cannot be used.
        """
        from vitexplain.output import FolderDestination, WriteOptions, destination_of, require_folder
        from vitexplain.render.opencv import opencv

        drawing = self.drawing()
        if self.folder is None:
            for flag in ("outline", "heatmap", "npy", "cut-layers"):
                if getattr(self, flag.replace("-", "_")):
                    raise UsageError(f"--{flag} has no effect: with --json files are written only with --out FOLDER")
            return None
        if isinstance(destination_of(self.folder), FolderDestination):
            require_folder(self.folder)
        opencv()  # a machine without its system libraries is found before any work
        return WriteOptions(
            self.folder,
            overwrite=self.overwrite,
            heatmap=self.heatmap,
            npy=self.npy,
            cut_layers=self.cut_layers,
            record=record,
            drawing=drawing,
        )
