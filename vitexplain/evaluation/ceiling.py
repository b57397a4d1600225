"""The ceiling: an order of removing patches better than any method's, so that areas are shares of what is possible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitexplain.evaluation.removal import Order, Removals


def greedy_order(removals: Removals, orders: Sequence[Order], steps: int) -> Order:
    """Return an order made step by step: each step takes the patches that one of `orders` would take next.

    It is the one whose patches, with those taken before, gain most: the target's answer with them alone less that
    without them. A step costs two forward passes for each different set of patches. Greedy, so that no order is known
    to be better, not the best of all.
    """
    patches = len(orders[0])
    counts = np.round(np.linspace(0, patches, steps + 1)).astype(int)
    taken, found = np.zeros(patches, bool), np.empty(0, np.intp)
    for count in counts[1:-1]:
        proposals = [order[~taken[order]][: count - len(found)] for order in orders]
        removed = np.repeat(taken[None], len(orders), 0)
        for row, proposal in enumerate(proposals):
            removed[row, proposal] = True
        without, alone = removals.answers(np.concatenate((removed, ~removed)))[0].reshape(2, -1)
        found = np.concatenate((found, proposals[int((alone - without).argmax())]))
        taken[found] = True
    rest = orders[0]
    return np.concatenate((found, rest[~taken[rest]]))
