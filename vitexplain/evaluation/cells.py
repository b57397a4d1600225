"""Cells: what one number of an image is about."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vitexplain.methods import Method, canonical_spec, options_of

REMOVAL_OPTIONS = ("of", "fill", "window")
"""Options of removing patches, which have columns of their own in every row; None where they do not apply."""

DIFFERENCE = "_difference"
"""Ends the metric's name in rows of differences between a method and the best of its controls."""

BEST = "_from_best"
"""Ends the metric's name in rows of differences between a method and the best method."""


@dataclass(frozen=True)
class Cell:
    """What one value an image is about. `control`: the control, or best method, that was subtracted in differences."""

    metric: str
    reference: Method | None
    method: str
    layer: int
    control: str | None = None


def reference_name(reference: Method) -> str:
    """Return what a reference is called: its spec, without the options that have columns of their own."""
    given = {name: None for name in REMOVAL_OPTIONS if name in options_of(reference)}
    defaults = type(reference)()
    plain = {name: getattr(defaults, name) for name in given}
    return canonical_spec(replace(reference, **plain))  # type: ignore[type-var]
