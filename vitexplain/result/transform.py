"""Transform: how a model's pictures are prepared, as a record names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vitexplain.images import Preprocess
from vitexplain.result.fields import Fields
from vitexplain.result.json_values import plain


@dataclass(frozen=True)
class Transform:
    """`size` is (height, width) in pixels; `mean` and `std` are those of red, green and blue in 0..1.

    `crop_pct` is the share of a picture's side that the model's own crop keeps, `interpolation` Pillow's filter.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    crop_pct: float

    @classmethod
    def of(cls, preprocess: Preprocess) -> Transform:
        """Return what a record says of a Preprocess."""
        return cls(
            preprocess.size, preprocess.mean, preprocess.std, preprocess.interpolation, float(preprocess.crop_pct)
        )

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "size": list(self.size),
            "mean": plain(self.mean),
            "std": plain(self.std),
            "interpolation": self.interpolation,
            "crop_pct": plain(self.crop_pct),
        }

    @classmethod
    def from_record(cls, fields: Fields) -> Transform:
        """Return the transform of a record; InputError: a field that is missing or of another type."""
        return cls(
            size=fields.numbers("size", 2),
            mean=fields.numbers("mean", 3),
            std=fields.numbers("std", 3),
            interpolation=fields.text("interpolation"),
            crop_pct=fields.number("crop_pct"),
        )
