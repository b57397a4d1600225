"""The options of overlays as files, which `run` and `batch` share: their format, and words below them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vitexplain.cli.figure_output import check_choice, format_option
from vitexplain.cli.groups import option
from vitexplain.cli.output_options import OutputOptions

if TYPE_CHECKING:
    from vitexplain.output import WriteOptions


@dataclass(frozen=True)
class OverlayOptions(OutputOptions):
    """What is written, and as what kind of file."""

    form: str = format_option("png", " or webp")
    caption: bool | None = option(
        None,
        "Class, probability, method and colours in words below the overlay.",
        flags=["--caption/--no-caption"],
        shown="with svg and pdf",
    )

    def write_options(self, *, record: bool = True) -> WriteOptions | None:
        """Return what is written; UsageError for an unknown format."""
        from vitexplain.figures import OVERLAY_FORMATS, overlay_file

        check_choice("format", self.form, OVERLAY_FORMATS)
        write = super().write_options(record=record)
        captioned = self.form in ("svg", "pdf") if self.caption is None else self.caption
        if write is None or (self.form == "png" and not captioned):
            return write
        return replace(write, form=self.form, captioned=captioned, draw=overlay_file)
