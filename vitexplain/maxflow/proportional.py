"""Pushing amounts through layers into rooms: for all sinks at once, every token split in proportion to its edges.

What a token holds is split in proportion to capacity times the *appeal* of the token at the other end. Turn by turn,
the appeal of a room that was filled beyond its size falls and that of an emptier one rises; appeal spreads up the
layers along the edges, so that what enters far away already heads for where room is. (This is iterative proportional
fitting, Sinkhorn and Knopp's, on a layered graph.) Two things do not fit into proportions and are done apart: the
roomiest token, and on the way to it one token of each level that leads there, are filled first, by whole edges; and
the few tokens whose edges would run over are emptied one by one, like vessels.

Whatever the appeals are, a push that is said to fit is a flow: no edge carries more than its capacity, all that enters
leaves, and no room is filled beyond its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, TINY
from vitexplain.maxflow.water import share_out

_TURNS = 10
_RANKS = 6
"""So many tokens of a level, those whose edges run over most, are emptied one by one."""
_STEP = 100.0
"""By at most this factor the appeal of a room changes in one turn."""


@dataclass(frozen=True)
class Pushed:
    """Whether (S,) everything found room, and how much was then held: `held[i]` (S, N_i) on the levels in order."""

    fits: Tensor
    held: tuple[Tensor, ...]


@dataclass(frozen=True)
class Course:
    """Where amounts enter and where they go, for S sinks, over n layers from level 0 to level n of the course.

    `entering[i]` (S, N_i): what enters at level i < n, all of which has to leave. `layers[i]` (N_i, N_{i+1}):
    capacities. `closed[i]` (S, 1): the token of level i + 1 < n that nothing may enter. `guides[i]` (S, 1): the token
    of level i + 1 < n from which it is easiest to go on. `room` (S, N_n): the most that may end at each token of
    level n.
    """

    entering: Sequence[Tensor]
    layers: Sequence[Tensor]
    closed: Sequence[Tensor]
    guides: Sequence[Tensor]
    room: Tensor


def push(course: Course) -> Pushed:
    """Return for which sinks of `course` a flow was found that brings all that enters into the rooms."""
    roomiest = course.room.argmax(1, keepdim=True)
    left = course.room.scatter(1, roomiest, 0.0)
    appeal = left / left.sum(1, keepdim=True).clamp(min=TINY)
    fits = torch.zeros(len(left), dtype=torch.bool, device=left.device)
    held = [*(torch.zeros_like(entering) for entering in course.entering), torch.zeros_like(left)]
    active = torch.arange(len(left), device=left.device)
    for turn in range(_TURNS):
        turned = _Turn(course, active, roomiest[active], _RANKS if turn else 0)
        levels, legal, largest = turned(_spread_up(course, active, roomiest[active], appeal))
        filled = levels[-1]
        over = (filled / left[active].clamp(min=TINY)).amax(1)
        done = legal & (over <= 1 + EPS)
        going = ~done
        fits[active[done]] = True
        levels[-1] = filled.scatter_add(1, roomiest[active], turned.in_roomiest[:, None])
        for kept, level in zip(held, levels, strict=True):
            kept[active[done]] = level[done]
        factor = (left[active] / filled.clamp(min=TINY)).clamp(1 / _STEP, _STEP)
        appeal = torch.minimum(appeal * factor, 1 / largest.clamp(min=TINY)[:, None])[going]
        active = active[going]
        if not len(active):
            break
    return Pushed(fits, tuple(held))


def _spread_up(course: Course, active: Tensor, roomiest: Tensor, appeal: Tensor) -> list[Tensor]:
    """Return the appeal of the tokens of all levels but the first, given that of the last."""
    appeals = [appeal]
    for number in range(len(course.layers) - 1, 0, -1):
        layer = course.layers[number]
        upper = appeals[0] @ layer.T
        if number == len(course.layers) - 1:
            upper += layer.T[roomiest[:, 0]] * appeals[0].amax(1, keepdim=True)
        upper.scatter_(1, course.guides[number - 1][active], 0.0)
        upper.scatter_(1, course.closed[number - 1][active], 0.0)
        appeals.insert(0, upper)
    return appeals


class _Turn:
    """One pass down the layers of a course for the sinks at positions `active`."""

    def __init__(self, course: Course, active: Tensor, roomiest: Tensor, ranks: int) -> None:
        self._course, self._active, self._roomiest, self._ranks = course, active, roomiest[:, 0], ranks
        self.in_roomiest = torch.zeros(len(active)).to(course.room)

    def __call__(self, appeals: list[Tensor]) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return what the tokens of each level hold, where (S,) no edge runs over, and the last level's largest share.

        The roomiest token of the last level is left out.
        """
        held: list[Tensor] = []
        legal = torch.ones_like(self._active, dtype=torch.bool)
        arriving, largest = torch.zeros(()).to(self._course.room), self.in_roomiest
        for number, layer in enumerate(self._course.layers):
            amount = arriving + self._course.entering[number][self._active]
            held.append(amount)
            last = number == len(self._course.layers) - 1
            amount, chosen, into = self._to_chosen(amount, layer, number)
            appeal = appeals[number]
            gives = appeal @ layer.T
            share = amount / gives.clamp(min=TINY)
            legal &= (share * gives >= amount * (1 - EPS)).all(1)
            emptied, fine = self._empty_worst(amount, share, appeal, layer, last)
            largest = share.amax(1)
            legal &= fine & (largest * appeal.amax(1) <= 1)
            arriving = torch.addcmul(emptied, appeal, share @ layer)
            if last:
                self.in_roomiest = into
            else:
                arriving.scatter_add_(1, chosen, into[:, None])
        return [*held, arriving], legal, largest

    def _to_chosen(self, amount: Tensor, layer: Tensor, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Fill the guide, or the roomiest token of the last level, by whole edges as far as they and its room go.

        Returns what is left to the others, which token (S, 1) it was, and what it got (S,).
        """
        last = number == len(self._course.layers) - 1
        chosen = self._roomiest[:, None] if last else self._course.guides[number][self._active]
        into = torch.minimum(amount, layer.T[chosen[:, 0]])
        if last:
            most = self._course.room[self._active].gather(1, chosen)[:, 0]
            into = into * (most / into.sum(1).clamp(min=TINY)).clamp(max=1)[:, None]
        else:
            into = into * (chosen != self._course.closed[number][self._active])
        return amount - into, chosen, into.sum(1)

    def _empty_worst(
        self, amount: Tensor, share: Tensor, appeal: Tensor, layer: Tensor, last: bool
    ) -> tuple[Tensor, Tensor]:
        """Empty the tokens whose edges would run over, the worst first, and take them out of `share` (in place).

        Returns where it went (S, N below) and whether (S,) all of it did.
        """
        given = torch.zeros_like(appeal)
        fine = torch.ones_like(self._active, dtype=torch.bool)
        room = self._course.room[self._active].scatter(1, self._roomiest[:, None], 0.0) if last else None
        shares, tokens = share.topk(min(self._ranks, share.shape[1]), dim=1)
        for rank in range(shares.shape[1]):
            rows = (shares[:, rank] * appeal.amax(1) > 1).nonzero()[:, 0]
            if not len(rows):
                break
            token = tokens[rows, rank]
            need, most = amount[rows, token], layer[token]
            if room is not None:
                most = torch.minimum(most, (room[rows] - given[rows]).clamp(min=0))
            gives = share_out(most, appeal[rows] * layer[token], need)
            fine[rows] &= gives.sum(1) >= need * (1 - EPS)
            given[rows] += gives
            share[rows, token] = 0.0
        return given, fine
