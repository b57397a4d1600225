"""Tokens that hold more than proportions can pass on, emptied like vessels: edges are full, or filled to a level.

A vessel with edges c and appeals q at their ends gives min(c, level * c * q), at the level at which that is all it
holds. The full edges are those of the largest appeals, and these are the same for all vessels of a sink: so the level
is found in closed form from the sums over the few most appealing ends, for all vessels at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, TINY
from vitexplain.maxflow.water import share_out

_ENDS = 64
"""A vessel with more full edges than this is emptied by `share_out`, which takes longer."""
_STEEP = 100.0
"""So is one whose level would let its edges, were they wider, carry more than this many times what it holds: what is
subtracted for the full edges would leave too few digits."""
_AT_ONCE = 512
"""So many vessels are computed with at once: what stays in a processor's cache."""


def empty_vessels(
    amount: Tensor, appeal: Tensor, gives: Tensor, layer: Tensor, vessels: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return how to empty the `vessels`, given as the rows (V,) and columns (V,) of `amount` (S, N above).

    `appeal` (S, N below); `gives` (S, N above) is what `layer` (N above, N below) carries at level 1. Returned are:
    levels (V,), 0 for vessels emptied otherwise; what to add (S, N below) to what arrives if all edges were filled to
    these levels; and whether (S,) all vessels are empty.
    """
    rows, tokens = vessels
    liked, ends = appeal.topk(min(_ENDS, appeal.shape[1]), dim=1)
    need, total = amount[rows, tokens], gives[rows, tokens]
    levels, add, empty = torch.zeros_like(need), torch.zeros_like(appeal), torch.ones_like(amount[:, 0]) > 0
    for first in range(0, len(rows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        some, of = rows[part], tokens[part]
        capacity, at = layer[of[:, None], ends[some]], liked[some]
        level, found = _level(capacity, at, need[part], total[part])
        levels[part] = level
        beyond = (capacity - level[:, None] * capacity * at).clamp(max=0)
        add.view(-1).index_add_(0, (some[:, None] * appeal.shape[1] + ends[some]).view(-1), beyond.view(-1))
        if not bool(found.all()):
            some, of, rest = some[~found], of[~found], need[part][~found]
            given = share_out(layer[of], appeal[some] * layer[of], rest)
            add.index_add_(0, some, given)
            empty[some[given.sum(1) < rest * (1 - EPS)]] = False
    return levels, add, empty


def _level(capacity: Tensor, liked: Tensor, need: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """Return the levels (V,) at which vessels give their `need` (V,), and where one was found; elsewhere it is 0.

    `capacity`, `liked` (V, K): edges to the K most appealing ends, in falling order; at least the first one is full.
    `total` (V,): what all edges together would carry at level 1. Full are the first edges up to the first one after
    which the level that is left for the others fills none of them.
    """
    unfilled = total[:, None] - (capacity * liked).cumsum(1)
    left = need[:, None] - capacity.cumsum(1)
    enough = left[:, :-1] * liked[:, 1:] <= unfilled[:, :-1]
    if not enough.shape[1]:
        return torch.zeros_like(need), torch.zeros_like(need) > 0
    last = enough.to(torch.uint8).argmax(1, keepdim=True)
    level = left.gather(1, last)[:, 0] / unfilled.gather(1, last)[:, 0].clamp(min=TINY)
    found = enough.gather(1, last)[:, 0] & (level >= 0) & (level * total <= _STEEP * need)
    return torch.where(found, level, 0.0), found
