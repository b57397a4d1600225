"""Pushing amounts through layers into rooms: for all sinks at once, every token split in proportion to its edges.

What a token holds is split in proportion to capacity times the *appeal* of the token at the other end. Turn by turn,
the appeal of a room that was filled beyond its size falls and that of an emptier one rises; appeal spreads up the
layers along the edges, so that what enters far away already heads for where room is. (This is iterative proportional
fitting, Sinkhorn and Knopp's, on a layered graph.) Two things do not fit into proportions and are done apart: the
roomiest token, and on the way to it one token of each level that leads there, are filled first, by whole edges; and
tokens whose edges would run over are emptied like `vessels`, up to a level of their own. The edges into the roomiest
token are rooms themselves, one level higher: they count with an appeal of their own, so that what they can pass on
comes to where they begin, beside what goes to other rooms.

Whatever the appeals are, a push that is said to fit is a flow: no edge carries more than its capacity, all that enters
leaves, and no room is filled beyond its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, TINY
from vitexplain.maxflow.vessels import empty_vessels

_TURNS = 25
_ROUGH = 3
"""In so many turns at first, edges may run over, and single precision will do: appeals alone are sought."""
_TRIED, _PROGRESS = 5, 0.7
"""After so many turns a push goes on only while what rooms hold beyond their size falls to less than this share of
itself in every turn: one that does not fit comes to a standstill."""
_FALL, _RISE = 0.01, 2.0
"""The proportion by which the appeal of a room changes in one turn is cut to these limits."""
_WIDEN = 1e3
"""The appeal of an edge into the roomiest token changes by at most this proportion, up or down."""
_AJAR = 1e-6
"""So small a part of the roomiest token is left free, or it would look as if another cut, beyond it, were minimal."""


@dataclass(frozen=True)
class Pushed:
    """Whether (S,) everything found room, and how much was then held: `held[i]` (S, N_i) on the levels in order."""

    fits: Tensor
    held: tuple[Tensor, ...]


@dataclass(frozen=True)
class Course:
    """Where amounts enter and where they go, for S sinks, over n layers from level 0 to level n of the course.

    `entering[i]` (S, N_i), or (1, N_i) if it is the same for all: what enters at level i < n and has to leave it.
    `layers[i]` (N_i, N_{i+1}): capacities. `closed[i]` (S, K) and `guides[i]` (S, 1), or one row if they are the same
    for all: the tokens of level i + 1 < n that nothing may enter, and that from which it is easiest to go on. `room`
    (S, N_n): the most that may end at each token of level n.
    """

    entering: Sequence[Tensor]
    layers: Sequence[Tensor]
    closed: Sequence[Tensor]
    guides: Sequence[Tensor]
    room: Tensor

    def rounded(self) -> Course:
        """Return the course in single precision."""
        entering, layers = [part.float() for part in self.entering], [layer.float() for layer in self.layers]
        return Course(entering, layers, self.closed, self.guides, self.room.float())


def push(course: Course) -> Pushed:
    """Return for which sinks of `course` a flow was found that brings all that enters into the rooms."""
    fits = torch.zeros(len(course.room), dtype=torch.bool, device=course.room.device)
    widths = [part.shape[1] for part in (*course.entering, course.room)]
    held = [torch.zeros(len(fits), width).to(course.room) for width in widths]
    active, fitting = torch.arange(len(fits), device=fits.device), _Fitting(course, course.room.argmax(1, keepdim=True))
    fitting.approach(course)
    beyond = torch.zeros_like(course.room[:, 0])
    for turn in range(_ROUGH, _TURNS):
        levels, done = fitting.turn()
        before, beyond = beyond, fitting.beyond()
        going = (~done if turn < _TRIED else ~done & (beyond < _PROGRESS * before)).nonzero()[:, 0]
        fitted = done.nonzero()[:, 0]
        if len(fitted):
            fits[active[fitted]] = True
            for kept, level in zip(held, levels, strict=True):
                kept[active[fitted]] = level[fitted]
        if not len(going):
            break
        fitting.adjust()
        if len(going) < len(active):
            active, beyond = active[going], beyond[going]
            fitting.keep(going)
    return Pushed(fits, tuple(held))


class _Fitting:
    """The appeals of one course, from turn to turn."""

    def __init__(self, course: Course, roomiest: Tensor) -> None:
        self._entering, self._layers = list(course.entering), course.layers
        self._tiny = torch.finfo(course.room.dtype).tiny
        self._roomiest = roomiest
        self._most = course.room.gather(1, self._roomiest) * (1 - _AJAR)
        self._left = course.room.scatter(1, self._roomiest, 0.0)
        self._appeal = self._left / self._left.sum(1, keepdim=True).clamp(min=self._tiny)
        self._edges = course.layers[-1].T[self._roomiest[:, 0]]
        self._open_edges = (self._edges - course.entering[-1]).clamp(min=0)
        self._appeal_of_edges = self._appeal.amax(1, keepdim=True).expand_as(self._edges)
        self._closed, self._guides = list(course.closed), list(course.guides)
        self._to_guides = [
            layer.T[guide[:, 0]] * (guide != closed).all(1, keepdim=True)
            for layer, guide, closed in zip(self._layers, self._guides, self._closed, strict=False)
        ]
        # Of the last turn: what ended in rooms, what came to the last level but one, and the appeal of that level.
        self._filled, self._came, self._appeal_of_last = self._left, self._edges, self._edges

    def approach(self, course: Course) -> None:
        """Take the first turns, in which edges may run over, through the same `course` in single precision."""
        rough = _Fitting(course.rounded(), self._roomiest)
        for _ in range(_ROUGH):
            rough.turn(careful=False)
            rough.adjust()
        self._appeal, self._appeal_of_edges = rough._appeal.to(self._left), rough._appeal_of_edges.to(self._left)

    def turn(self, careful: bool = True) -> tuple[list[Tensor], Tensor]:
        """Return what the tokens of each level hold after one pass down the layers, and whether (S,) that is a flow.

        Where it is not `careful`, edges run over, and it is none.
        """
        held: list[Tensor] = []
        appeals, gives = self._appeals()
        legal = torch.full_like(self._roomiest[:, 0], careful, dtype=torch.bool)
        arriving = torch.zeros_like(self._most)
        for number, (layer, entering) in enumerate(zip(self._layers, self._entering, strict=True)):
            came, amount = arriving, arriving + entering
            held.append(amount)
            target, into = self._into_target(amount, number)
            if careful:
                arriving, fine = _split(amount - into, appeals[number], gives[number], layer)
                legal &= fine
            else:
                arriving = appeals[number] * (((amount - into) / gives[number].clamp(min=self._tiny)) @ layer)
            if number < len(self._layers) - 1:
                arriving.scatter_add_(1, target.expand(len(into), 1), into.sum(1, keepdim=True))
        self._filled, self._came = arriving, came
        ended = arriving.scatter_add(1, target, into.sum(1, keepdim=True))
        if careful:
            legal &= (self._left * (1 + EPS) - arriving).amin(1) >= 0
            legal &= ended.sum(1) >= sum(part.sum(1) for part in self._entering) * (1 - EPS * len(self._layers))
        return [*held, ended], legal

    def beyond(self) -> Tensor:
        """Return how much (S,) the last turn brought to rooms beyond their size."""
        return (self._filled - self._left).clamp(min=0).sum(1)

    def adjust(self) -> None:
        """Change the appeals by what the last turn filled."""
        emptier = (self._left / self._filled.clamp(min=self._tiny)).clamp(_FALL, _RISE)
        self._appeal = self._appeal * _further(emptier)
        if len(self._layers) > 1:
            came = (
                self._came * self._appeal_of_edges / self._appeal_of_last.clamp(min=self._tiny)
            )  # a part of each edge
            widened = (1 / came.clamp(min=self._tiny)).clamp(1 / _WIDEN, _WIDEN)
            self._appeal_of_edges = self._appeal_of_edges * _further(widened)

    def keep(self, going: Tensor) -> None:
        """Go on with the sinks at the positions `going` alone."""
        self._roomiest, self._most, self._left = self._roomiest[going], self._most[going], self._left[going]
        self._appeal, self._edges = self._appeal[going], self._edges[going]
        self._appeal_of_edges, self._open_edges = self._appeal_of_edges[going], self._open_edges[going]
        for parts in (self._entering, self._closed, self._guides, self._to_guides):
            parts[:] = [part if len(part) == 1 else part[going] for part in parts]

    def _appeals(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the appeal of the tokens of all levels but the first, and what each level would give at level 1."""
        appeals, gives = [self._appeal], list[Tensor]()
        last = len(self._layers) - 1
        for number in range(last, -1, -1):
            gives.insert(0, appeals[0] @ self._layers[number].T)
            if number:
                upper = gives[0].clone()
                if number == last:
                    upper.addcmul_(self._open_edges, self._appeal_of_edges)
                    self._appeal_of_last = upper.clone()
                for token in (self._guides[number - 1], self._closed[number - 1]):
                    upper.scatter_(1, token.expand(len(upper), -1), 0.0)
                appeals.insert(0, upper)
        return appeals, gives

    def _into_target(self, amount: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Return the guide, or the roomiest token of the last level, and what (S, N) the tokens give to it.

        Whole edges are filled, as far as amounts and the target's room go.
        """
        if number == len(self._layers) - 1:
            into = torch.minimum(amount, self._edges)
            return self._roomiest, into * (self._most / into.sum(1, keepdim=True).clamp(min=self._tiny)).clamp(max=1)
        return self._guides[number], torch.minimum(amount, self._to_guides[number])


def _further(proportion: Tensor) -> Tensor:
    """Return `proportion` to the power of 1.25: to go a bit further takes fewer turns."""
    return proportion * proportion.sqrt().sqrt()


def _split(amount: Tensor, appeal: Tensor, gives: Tensor, layer: Tensor) -> tuple[Tensor, Tensor]:
    """Return what arrives (S, N below) if `amount` (S, N above) is split by `appeal` (S, N below), and where legally.

    `gives` (S, N above) is what `layer` carries at level 1. Tokens whose edges would run over are emptied like vessels.
    """
    share = amount / gives.clamp(min=TINY)
    legal = (share * gives - amount * (1 - EPS)).amin(1) >= 0
    over = share * appeal.amax(1, keepdim=True) > 1
    rows, tokens = (over & legal[:, None]).nonzero(as_tuple=True)
    if not len(rows):
        return appeal * (share @ layer), legal
    share[rows, tokens], add, empty = empty_vessels(amount, appeal, gives, layer, (rows, tokens))
    return torch.addcmul(add, appeal, share @ layer), legal & empty
