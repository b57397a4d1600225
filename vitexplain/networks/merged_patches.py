"""Tokens made of patches by convolution or pooling over a map, as numbers of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from vitexplain.attention import Merging

_KEPT = 64
"""So many descriptions are kept: those of a network's layers at a size or two."""


@lru_cache(_KEPT)
def convolved(below: TokenGrid, kernel: int, stride: int, padding: int = 0) -> Merging:
    """Return the tokens that a convolution makes of patches; prefix tokens each continue one.

    A token is made of all patches under the kernel, in equal shares; beyond the edge there are none.
    """

    return _merging(below, lambda size: _under(size, kernel, stride, padding))


Step = tuple[int, int, int | None]
"""A convolution or a pool as (kernel, stride, padding); padding None: as much as gives size / stride, rounded up."""


@lru_cache(_KEPT)
def after_steps(below: TokenGrid, steps: tuple[Step, ...]) -> Merging:
    """Return the tokens that convolutions and pools, one after the other, make of patches without prefix tokens.

    A token is made of all patches that it reaches through them, in equal shares.
    """

    def reach(size: int) -> list[Iterable[int]]:
        found: list[Iterable[int]] = [(number,) for number in range(size)]
        for kernel, stride, padding in steps:
            under = _under(len(found), kernel, stride, padding)
            found = [sorted({each for place in places for each in found[place]}) for places in under]
        return found

    return _merging(below, reach)


def _under(size: int, kernel: int, stride: int, padding: int | None) -> list[range]:
    """Return for each place above which of `size` places below are under the kernel."""
    if padding is None:
        count = -(-size // stride)
        padding = max((count - 1) * stride + kernel - size, 0) // 2
    else:
        count = (size + 2 * padding - kernel) // stride + 1
    starts = [place * stride - padding for place in range(count)]
    return [range(max(start, 0), min(start + kernel, size)) for start in starts]


@lru_cache(_KEPT)
def in_a_row(below: TokenGrid, count: int) -> Merging:
    """Return the tokens made of so many patches each that follow one another, row by row; all are in one."""
    import torch

    from vitexplain.attention import Merging

    return Merging(torch.arange(below.patches).view(-1, count), below.tokens)


@lru_cache(_KEPT)
def pooled_to(below: TokenGrid, side: int) -> Merging:
    """Return the side x side tokens that adaptive average pooling makes of patches."""

    def reach(size: int) -> list[range]:
        return [range(place * size // side, -(-(place + 1) * size // side)) for place in range(side)]

    return _merging(below, reach)


@lru_cache(_KEPT)
def beside_itself(below: TokenGrid, kernel: int, padding: int) -> Merging:
    """Return the tokens of a convolution of stride 1 that is added to what it convolves: half each token itself.

    The other half is what it is made of, as in `convolved`.
    """
    import torch

    from vitexplain.attention import Merging

    made = convolved(below, kernel, 1, padding).parts
    itself = torch.arange(len(made))[:, None].where(made >= 0, -1)
    return Merging(torch.cat([made, itself], 1), below.tokens)


def _merging(below: TokenGrid, reach: Callable[[int], Iterable[Iterable[int]]]) -> Merging:
    """Return the merging whose tokens are made of the patches in `reach(rows)` x `reach(cols)`."""
    import torch

    from vitexplain.attention import Merging

    parts = [[number] for number in range(below.prefix)]
    for rows in reach(below.rows):
        parts += [[below.prefix + row * below.cols + col for row in rows for col in cols] for cols in reach(below.cols)]
    most = max(map(len, parts))
    return Merging(torch.tensor([[*part, *(-1,) * (most - len(part))] for part in parts]), below.tokens)
