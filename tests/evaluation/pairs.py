"""Which images are paired, once all are known."""

from __future__ import annotations

from collections.abc import Mapping

from vitexplain.evaluation.controls import Circles, in_circle_order


def other_images(grids: Mapping[str, tuple[int, int]], seed: int) -> dict[str, str]:
    """Return the other one of every image that has one."""
    circles = Circles()
    before = {image: circles.add(image, grids[image]) for image in in_circle_order(grids, seed)}
    return {other: image for image, other in before.items() if other is not None} | circles.ends()
