"""How a named network is built for the weights in a file: patches, size of pictures and pooling as in training."""

from __future__ import annotations

from typing import Any

from vitexplain.models.checkpoint import Checkpoint
from vitexplain.models.given_settings import MOST_PATCHES
from vitexplain.models.looks import Looks, sides


def options_for(
    checkpoint: Checkpoint, own: Looks | None, given: tuple[int, int] | None = None, stride: int = 1
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return options for timm's create_model, and notices, for weights that differ from the network of that name.

    `own` is what the named network looks like (`looks_of` its state_dict, built on the meta device). Patches are built
    as they were trained, never resampled; positions for the size that they were trained at (`given`, in pixels, where
    the weights leave the choice); the pooling that the weights' names tell. `stride`: pixels to a pixel of the map that
    the patches are cut from, where a convolutional network comes first. Width and depth are left to
    `refuse_other_size`.
    """
    looks = checkpoint.looks
    if looks is None or own is None or looks.library != "timm":
        return {}, ()
    options: dict[str, Any] = {}
    notices: list[str] = []
    if looks.patch and own.patch and looks.patch != own.patch:
        options["patch_size"] = looks.patch[0] if looks.patch[0] == looks.patch[1] else looks.patch
        notices.append(
            f"patch_embed: the weights have patches of {sides(looks.patch)} pixels, the model of this name "
            f"{sides(own.patch)}: built with those of the weights"
        )
    size, guessed = trained_size(checkpoint, given, stride)
    if size and (size != _pixels(own, stride) or options):
        options["img_size"] = size
        notices.append(f"built for pictures of {sides(size)} pixels (height x width), the size of the weights")
    if guessed and size:
        notices[-1:] = [
            f"the weights' positions do not tell rows from columns: taken as pictures of {sides(size)} pixels "
            f"(height x width), give `image_size={size[1]}x{size[0]}` if they were higher than wide"
        ]
    if looks.pooling == "avg" and own.pooling is None:
        options["global_pool"] = "avg"
    if looks.pooling is None and own.pooling == "avg" and "norm.weight" in checkpoint.state:
        options["global_pool"] = "token"
        if checkpoint.settings.pooling is None:
            notices.append(
                "the weights have their last norm before the pooling, the model of this name after it: taken as read "
                "from the class token, give `pool=avg` if it is the mean of the patches"
            )
    return options, tuple(notices)


def trained_size(
    checkpoint: Checkpoint, given: tuple[int, int] | None = None, stride: int = 1
) -> tuple[tuple[int, int] | None, bool]:
    """Return the pixels (height, width) that the weights were trained at, and whether rows and columns are a guess.

    The positions in the weights count first, since a run's settings may be those of an earlier run; where they leave
    the choice (no square, or no positions), the size `given` or the file's settings decide.
    """
    looks, said = checkpoint.looks, checkpoint.settings.image_size
    if looks is None or looks.image_size is None:
        patch = looks.patch if looks and looks.patch else (1, 1)
        believed = said and (said[0] // (patch[0] * stride)) * (said[1] // (patch[1] * stride)) <= MOST_PATCHES
        return said if believed else None, False
    for size in (given if looks.guessed_grid else None, said):
        if size and looks.patch and looks.grid:
            rows, cols = size[0] // (looks.patch[0] * stride), size[1] // (looks.patch[1] * stride)
            if rows * cols == looks.grid[0] * looks.grid[1]:
                return size, False
    return _pixels(looks, stride), looks.guessed_grid


def _pixels(looks: Looks, stride: int) -> tuple[int, int] | None:
    return None if looks.image_size is None else (looks.image_size[0] * stride, looks.image_size[1] * stride)
