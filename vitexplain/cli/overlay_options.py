"""The options of overlays as files: words below them, which `run` and `batch` share, and the format of `run`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vitexplain.cli.figure_output import check_choice, format_option
from vitexplain.cli.groups import option
from vitexplain.cli.output_options import OutputOptions

if TYPE_CHECKING:
    from vitexplain.output import WriteOptions


@dataclass(frozen=True)
class CaptionOptions(OutputOptions):
    """What is written, with words below the overlay or without."""

    caption: bool | None = option(
        None,
        "Class, probability, method and colours in words below the overlay.",
        flags=["--caption/--no-caption"],
        shown="with svg and pdf",
    )

    def written_as(self, form: str, *, record: bool) -> WriteOptions | None:
        """Return what is written, with overlays whose names end in `form`."""
        from vitexplain.figures import overlay_file

        write = self.write_options(record=record)
        vector = form in ("svg", "pdf")
        captioned = vector if self.caption is None else self.caption
        if write is None or not (vector or captioned):
            return write and replace(write, form=form)
        return replace(write, form=form, captioned=captioned, draw=overlay_file)


@dataclass(frozen=True)
class OverlayOptions(CaptionOptions):
    """What is written, and as what kind of file."""

    form: str = format_option("png", "png, svg, pdf or webp")

    def written(self, *, record: bool = True) -> WriteOptions | None:
        """Return what is written; UsageError for an unknown format."""
        from vitexplain.figures import OVERLAY_FORMATS

        check_choice("format", self.form, OVERLAY_FORMATS)
        return self.written_as(self.form, record=record)
