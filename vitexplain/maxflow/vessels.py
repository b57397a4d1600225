"""Tokens that hold more than proportions can pass on, emptied like vessels: edges are full, or filled to a level.

A vessel with edges c and appeals q at their ends gives min(c, level * c * q), at the level at which that is all it
holds. The full edges are those of the largest appeals, and these are the same for all vessels of a sink: so the level
is found in closed form from the sums over the most appealing ends, mostly a few, for all vessels at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, TINY

_ENDS = (8, 64)
"""So many most appealing ends are looked at, then so many, and at last all, which takes longer."""
_FEW = 64
"""For no more vessels than this the first look takes longer than it saves."""
_HOPELESS = 64
"""If one sink has more vessels than this of which all ends would have to be looked at, its push is far from fitting."""
_STEEP = 100.0
"""All ends are looked at, too, where the level would let a vessel's edges, were they wider, carry more than this many
times what it holds: what is subtracted for the full edges would leave too few digits."""
_AT_ONCE = 2**15
"""So many edges, those of some vessels, are computed with at once: what stays in a processor's cache."""


def empty_vessels(
    amount: Tensor, appeal: Tensor, gives: Tensor, layer: Tensor, vessels: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return how to empty the `vessels`, given as the rows (V,), in order, and columns (V,) of `amount` (S, N above).

    `appeal` (S, N below); `gives` (S, N above) is what `layer` (N above, N below) carries at level 1. Returned are:
    levels (V,), 0 for vessels emptied otherwise; what to add (S, N below) to what arrives if all edges were filled to
    these levels; and whether (S,) all vessels are empty.
    """
    rows, tokens = vessels
    need, total = amount[rows, tokens], gives[rows, tokens]
    levels, add, empty = torch.zeros_like(need), torch.zeros_like(appeal), torch.ones_like(amount[:, 0]) > 0
    left = torch.arange(len(rows), device=rows.device)
    for ends in _ENDS if len(rows) > _FEW else _ENDS[-1:]:
        found = []
        for some in torch.split(left, _AT_ONCE // ends):
            liked, at = _best_ends(appeal, rows[some], ends)
            capacity = layer[tokens[some, None], at]
            level, fits = _level(capacity, liked, need[some], total[some])
            beyond = (capacity - level[:, None] * capacity * liked).clamp_(max=0)
            _add(add, rows[some], at, beyond)
            levels[some] = level
            found.append(fits)
        left = left[~torch.cat(found)]
        if not len(left):
            return levels, add, empty
    hopeless = rows[left].bincount(minlength=len(empty)) > _HOPELESS
    empty[hopeless] = False
    left = left[~hopeless[rows[left]]]
    for some in torch.split(left, max(1, _AT_ONCE // appeal.shape[1])):
        liked, at = _best_ends(appeal, rows[some], appeal.shape[1])
        capacity = layer[tokens[some, None], at]
        given, fits = _fill(capacity, liked, need[some])
        _add(add, rows[some], at, given)
        empty[rows[some][~fits]] = False
    return levels, add, empty


def _fill(capacity: Tensor, liked: Tensor, need: Tensor) -> tuple[Tensor, Tensor]:
    """Return what edges (V, N) to all ends, in falling order, give for the `need` (V,), and where (V,) that is enough.

    The level is that of `_level`, but what edges would carry is summed from the smallest on: no digits are lost.
    """
    weight = capacity * liked
    unfilled = weight.flip(1).cumsum(1).flip(1)
    left = need[:, None] - (capacity.cumsum(1) - capacity)
    enough = (left * liked <= unfilled) & (unfilled > 0)
    first = enough.to(torch.uint8).argmax(1, keepdim=True)
    level = left.gather(1, first).clamp(min=0) / unfilled.gather(1, first).clamp(min=TINY)
    given = torch.where(enough.any(1, keepdim=True), torch.minimum(capacity, level * weight), capacity * (liked > 0))
    return given, given.sum(1) >= need * (1 - EPS)


def _add(to: Tensor, rows: Tensor, at: Tensor, amounts: Tensor) -> None:
    """Add `amounts` (V, K) in place to the columns `at` (V, K) of `rows` (V,) of `to` (S, N)."""
    to.view(-1).index_add_(0, (rows[:, None] * to.shape[1] + at).view(-1), amounts.view(-1))


def _best_ends(appeal: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest appeals (V, K), in falling order, in `rows` (V,) of `appeal` (S, N), and where they are."""
    some, back = torch.unique_consecutive(rows, return_inverse=True)
    liked, at = appeal[some].topk(min(count, appeal.shape[1]), dim=1)
    return liked[back], at[back]


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
    really_full = level * liked.gather(1, last)[:, 0] >= 1
    found = enough.gather(1, last)[:, 0] & really_full & (level * total <= _STEEP * need)
    return torch.where(found, level, 0.0), found
