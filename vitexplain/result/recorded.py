"""RecordedPicture: the picture of a result that was read from its record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from vitexplain.errors import InputError
from vitexplain.result.fields import Fields


@dataclass(frozen=True)
class RecordedPicture:
    """What a record says about a picture: all but its pixels. Sizes in pixels, after orientation."""

    path: str | None
    sha256: str
    width: int
    height: int
    notices: tuple[str, ...] = ()

    @property
    def whole(self) -> None:
        """None: the sizes are those of the file."""
        return

    @property
    def image(self) -> NoReturn:
        """InputError: a record holds no pixels."""
        raise InputError(f"a record holds no pixels: open the picture itself, {self.path or 'which had no path'}")

    @classmethod
    def from_record(cls, image: Fields) -> RecordedPicture:
        """Return the picture of the record's field `image`; its notices are among those of the result."""
        return cls(image.text_or_none("path"), image.text("sha256"), image.whole("width"), image.whole("height"))
