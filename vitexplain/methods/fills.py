"""Fills: what replaces removed patches, and what the model returns without them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from vitexplain.capture import DroppedTokens
from vitexplain.errors import ModelError
from vitexplain.forward_pass import ForwardPass, levels_of
from vitexplain.models import LoadedModel

FillName = Literal["mean", "blur", "black", "drop"]
FILLS: tuple[FillName, ...] = ("mean", "blur", "black", "drop")
"""What replaces a removed patch: the view's mean colour; the view, blurred until no detail of a patch remains; black;
nothing at all: no other token reads its token, and pooling leaves it out."""

CHUNK = 16
"""Images per batch; more are no faster."""


def why_not_dropped(model: LoadedModel) -> str | None:
    """Return why patches of the model's pictures cannot be left out, and what to do instead; None: they can."""
    if model.network.overlapping:
        return (
            f"fill=drop: the patches of '{model.name}' overlap, because a convolutional network comes first: use "
            "fill=mean, blur or black"
        )
    why = model.network.graphless
    if why is None and not levels_of(model.network, *model.preprocess.size).plain:
        why = "it merges its tokens, lets them meet in windows only, or reads them by their places"
    if why is not None:
        return f"fill=drop: no token of '{model.name}' can be left out, {why}: use fill=mean, blur or black"
    return None


def outputs_without(forward_pass: ForwardPass, image: int, removed: Tensor, fill: FillName) -> Tensor:
    """Return what the network returns (K, C), in float32, for K variants of one image of the batch.

    `removed` (K, P), bool, says which patches are missing in which variant. ModelError for fill "drop" where patches
    have no tokens of their own.
    """
    if fill == "drop" and (reason := why_not_dropped(forward_pass.model)):
        raise ModelError(reason)
    removed = removed.to(forward_pass.pixels.device)
    with torch.inference_mode():
        make = _dropped if fill == "drop" else _replaced
        return torch.cat([output.float() for output in make(forward_pass, image, removed, fill)])


def _replaced(forward_pass: ForwardPass, image: int, removed: Tensor, fill: FillName) -> Iterator[Tensor]:
    """Yield outputs chunk by chunk, with other pixels in place of the removed patches."""
    pixels = forward_pass.pixels[image]
    grid, patch = forward_pass.grid, forward_pass.model.preprocess.patch
    instead = filling(forward_pass, pixels, fill)
    inside = slice(grid.rows * patch[0]), slice(grid.cols * patch[1])
    for chunk in torch.split(removed, CHUNK):
        variants = pixels.repeat(len(chunk), 1, 1, 1)
        squares = chunk.view(-1, 1, grid.rows, 1, grid.cols, 1).expand(-1, -1, -1, patch[0], -1, patch[1])
        where = squares.reshape(len(chunk), 1, grid.rows * patch[0], grid.cols * patch[1])
        there = variants[:, :, inside[0], inside[1]]
        there.copy_(torch.where(where, instead[:, inside[0], inside[1]], there))
        yield forward_pass.model.network(variants)


def _dropped(forward_pass: ForwardPass, image: int, removed: Tensor, _fill: FillName) -> Iterator[Tensor]:
    """Yield outputs chunk by chunk, with the removed patches' tokens hidden from all others."""
    grid = forward_pass.grid
    pixels = forward_pass.pixels[image : image + 1]
    for chunk in torch.split(removed, CHUNK):
        kept = torch.cat((chunk.new_ones(len(chunk), grid.prefix), ~chunk), 1)
        with DroppedTokens(kept, grid.prefix) as dropped:
            output = forward_pass.model.network(pixels.expand(len(chunk), -1, -1, -1))
        if forward_pass.model.network.readout in ("mean", "mean-all", "cls-mean") and not dropped.pooled:
            raise ModelError(
                f"fill=drop: how '{forward_pass.model.name}' pools its tokens could not be seen: "
                "use fill=mean, blur or black"
            )
        yield output


def filling(forward_pass: ForwardPass, pixels: Tensor, fill: FillName) -> Tensor:
    """Return what replaces removed patches, (3, H, W) or (3, 1, 1) expanded, as the model sees pixels."""
    if fill == "blur":
        return _blurred(pixels, max(forward_pass.model.preprocess.patch))
    if fill == "mean":
        return pixels.float().mean((1, 2), keepdim=True).to(pixels.dtype).expand_as(pixels)
    preprocess = forward_pass.model.preprocess
    black = [-mean / std for mean, std in zip(preprocess.mean, preprocess.std, strict=True)]
    return pixels.new_tensor(black)[:, None, None].expand_as(pixels)


def _blurred(pixels: Tensor, sigma: float) -> Tensor:
    """Return pixels (3, H, W) under a Gaussian of standard deviation `sigma` pixels, edges repeated outwards."""
    reach = math.ceil(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, device=pixels.device, dtype=torch.float32)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()
    wide = functional.pad(pixels.float()[:, None], (reach,) * 4, mode="replicate")
    down = functional.conv2d(wide, weights.view(1, 1, -1, 1))
    return functional.conv2d(down, weights.view(1, 1, 1, -1))[:, 0].to(pixels.dtype)
