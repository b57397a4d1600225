"""Windows over a map of patches, shifted, spread or neither, and merged squares of patches, as numbers of tokens."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.attention import Merging, Windows

_KEPT = 64
"""So many descriptions are kept: those of a network's layers at a size or two."""


@lru_cache(_KEPT)
def shifted_windows(
    grid: TokenGrid, window: tuple[int, int], shift: tuple[int, int], *, padded_first: bool = False
) -> Windows:
    """Return the windows (height, width) over a grid, shifted by (rows, cols), as Swin lays them out.

    Liu et al. 2021, "Swin Transformer", section 3.2 and figure 4: the map is rolled up and to the left by the shift,
    padded at the bottom and the right to whole windows, and cut. In the last windows of each row and column patches
    meet that do not lie side by side in the picture: they do not read each other. `padded_first`: the map is padded
    before it is rolled, as transformers and torchvision do.
    """
    import torch
    from torch.nn import functional

    from vitexplain.attention import Windows

    numbers = torch.arange(grid.patches).view(grid.rows, grid.cols)
    back, beyond = (-shift[0], -shift[1]), (0, -grid.cols % window[1], 0, -grid.rows % window[0])
    if padded_first:
        padded = functional.pad(numbers, beyond, value=-1).roll(back, (0, 1))
    else:
        padded = functional.pad(numbers.roll(back, (0, 1)), beyond, value=-1)
    tokens = _cut(padded, window)
    regions = torch.zeros_like(padded)
    if any(shift):
        for axis, sides in enumerate(zip(padded.shape, window, shift, strict=True)):
            size, side, shifted = sides
            place = torch.arange(size)
            region = (place >= size - side).long() + (place >= size - shifted).long()
            regions += 3**axis * (region[:, None] if axis == 0 else region)
    of_window = _cut(regions, window)
    reads = of_window[:, :, None] == of_window[:, None]
    return Windows(tokens, tokens, (grid.patches, grid.patches), None if bool(reads.all()) else reads)


@lru_cache(_KEPT)
def spread_windows(grid: TokenGrid, window: tuple[int, int]) -> Windows:
    """Return the windows (height, width) whose patches lie as far apart as fits, evenly over the whole grid.

    Tu et al. 2022, "MaxViT: Multi-Axis Vision Transformer", section 3.2 and figure 3: grid attention.
    """
    import torch

    from vitexplain.attention import Windows

    numbers = torch.arange(grid.patches).view(window[0], grid.rows // window[0], window[1], grid.cols // window[1])
    tokens = numbers.permute(1, 3, 0, 2).reshape(-1, window[0] * window[1])
    return Windows(tokens, tokens, (grid.patches, grid.patches))


def _cut(numbers: Tensor, window: tuple[int, int]) -> Tensor:
    """Return a map (H, W) cut into windows, (windows, height * width)."""
    rows, cols = numbers.size(0) // window[0], numbers.size(1) // window[1]
    return numbers.view(rows, window[0], cols, window[1]).transpose(1, 2).reshape(rows * cols, -1)


def halved(below: TokenGrid) -> TokenGrid:
    """Return the tokens that squares of 2 x 2 patches are merged into: half the rows and columns, rounded up."""
    return TokenGrid(0, (below.rows + 1) // 2, (below.cols + 1) // 2, class_token=False)


@lru_cache(_KEPT)
def merged_squares(below: TokenGrid, side: int = 2) -> Merging:
    """Return the merging of squares of side x side patches; at an odd edge a token is made of those that there are."""
    import torch
    from torch.nn import functional

    from vitexplain.attention import Merging

    numbers = torch.arange(below.patches).view(below.rows, below.cols)
    padded = functional.pad(numbers, (0, -below.cols % side, 0, -below.rows % side), value=-1)
    return Merging(_cut(padded, (side, side)), below.patches)
