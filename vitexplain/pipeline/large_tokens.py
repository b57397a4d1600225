"""Tokens of unusually large norm: single bright patches that are no places in the picture.

Large models keep information about the whole picture in a few tokens of the background, whose norms are several times
those of the others: Darcet et al., "Vision Transformers Need Registers", ICLR 2024, section 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vitexplain.capture import TokenNorms
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import Method
from vitexplain.tokens import TokenGrid

DEVIATIONS = 3.0
"""A norm is that of an outlier from so many standard deviations above the mean of the image's patches."""

TIMES = 2.0
"""Ordinary norms have outliers, too. Those that store information stand out from the median by this factor or more."""

BRIGHTEST = 0.01
"""The share of patches that are looked at first."""


def outliers(norms: Tensor, prefix: int) -> Tensor:
    """Return which patches (B, P) are outliers, for norms (B, N) of all tokens."""
    patches = norms[:, prefix:]
    if patches.size(1) < 2:
        return torch.zeros_like(patches, dtype=torch.bool)
    return patches > patches.mean(1, keepdim=True) + DEVIATIONS * patches.std(1, keepdim=True)


def times_median(norms: Tensor, prefix: int) -> Tensor:
    """Return the norms of the patches (B, P) as multiples of their image's median."""
    patches = norms[:, prefix:]
    return patches / patches.median(1, keepdim=True).values.clamp(min=torch.finfo(patches.dtype).tiny)


def large_tokens_notice(
    forward_pass: ForwardPass, image: int, method: Method, scores: npt.NDArray[Any], *, signed: bool
) -> str | None:
    """Return what is to be said if some of the brightest patches are tokens of large norm, None if none of them is.

    Methods that remove patches, and the random control, look at places whatever the tokens. The layers are found with
    one more forward pass of the batch, which only pictures with such patches cost.
    """
    if "model" in method.needs or not (method.needs or method.fusions):
        return None
    late = forward_pass.late_norms
    if late is None or not _same_tokens(late, forward_pass.grid):
        return None
    flat = (np.abs(scores) if signed else scores).ravel()
    count = math.ceil(BRIGHTEST * flat.size)
    brightest = np.argsort(-flat, kind="stable")[:count]
    found = _large(late, forward_pass.grid.prefix, image)[brightest]
    if not found.any():
        return None
    which = brightest[found]
    return _words(len(which), count, _first_layer(forward_pass, image, which))


def norms_by_layer(forward_pass: ForwardPass) -> TokenNorms:
    """Return the norms of the tokens of all layers that could be seen; costs a forward pass, once for a batch."""

    def run() -> TokenNorms:
        found = TokenNorms()
        with torch.inference_mode():
            found.watch(forward_pass.model.network, *range(1, forward_pass.layers + 1))(forward_pass.pixels)
        return found

    return forward_pass.once(("norms",), run)


def _first_layer(forward_pass: ForwardPass, image: int, which: npt.NDArray[np.intp]) -> int:
    """Return the layer from whose output on one of these patches is a token of large norm in all but the last."""
    first = forward_pass.layers - 1
    for layer in range(first - 1, 0, -1):
        norms = norms_by_layer(forward_pass).get(layer)
        if norms is None or not _same_tokens(norms, forward_pass.grid):
            break
        if not _large(norms, forward_pass.grid.prefix, image)[which].any():
            break
        first = layer
    return first


def _large(norms: Tensor, prefix: int, image: int) -> npt.NDArray[np.bool_]:
    own = norms[image : image + 1]
    flags = outliers(own, prefix) & (times_median(own, prefix) >= TIMES)
    return np.asarray(flags[0].cpu().numpy())


def _same_tokens(norms: Tensor, grid: TokenGrid) -> bool:
    return norms.size(1) == grid.tokens


def _words(found: int, of: int, layer: int) -> str:
    if of == 1:
        which = "the brightest patch is a token"
    else:
        which = f"{found} of the {of} brightest patches {'is a token' if found == 1 else 'are tokens'}"
    advice = "do not read it as a place" if found == 1 else "do not read them as places"
    return (
        f"{which} of unusually large norm (layer {layer} on), which models use to store information about the whole "
        f"picture: {advice}"
    )
