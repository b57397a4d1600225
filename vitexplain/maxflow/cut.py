"""Cuts: which tokens lie on the source's side, what the cut costs on the original graph, which layers it passes.

The bound of a sink is itself the capacity of a cut. It adds, over the tokens i of level 1, the smaller of the edge
c(i, j) and the bound B(i). Where B(i) is the smaller (or as small: nearer the source), i lies on the sink's side, and
so on upwards. If a flow of the bound's value exists, that cut is a minimum cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from vitexplain.maxflow.forward import Forward
from vitexplain.maxflow.problem import FlowProblem

_TIE = 1e-11
"""Cuts whose capacities differ by less than this share of themselves count as equal: float64 sums cannot say more."""
_LOST = 1e-16
"""A share of a cut that its float64 sum cannot hold is nothing: with more, layers that a cut passes would be hidden."""
_PART = 1e-3
"""A cut is used in a shallower graph if at least this part of it lies there: of less, fewer digits are known."""
_UNSATURATED = 1e-9
"""A token is not saturated if it passes on less than it could receive by this share: less could be rounding, with more
the solver is asked needlessly."""


@dataclass(frozen=True)
class Cuts:
    """One cut for each of S sinks.

    `near[l - 1]` (S, N_l) says which tokens of level l lie on the source's side. At level 0 every token but the sink
    itself does. `sinks` (S,) are the sinks' numbers.
    """

    sinks: Tensor
    near: tuple[Tensor, ...]

    def shares(self, problem: FlowProblem) -> Tensor:
        """Return the capacity (S, L + 1) that each cut takes out of layers 1 .. L and of the virtual source's edges.

        An edge counts where it leads from the source's side to the sink's side. The row sums are the cuts' capacities.
        """
        near = [side.to(torch.float64) for side in self.near]
        columns = [(near[0] * problem.layers[0].T[self.sinks]).sum(1)]
        for upper, lower, layer in zip(near[1:], near[:-1], problem.layers[1:], strict=True):
            columns.append(((upper @ layer) * (1 - lower)).sum(1))
        columns.append((1 - near[-1]) @ problem.start)
        return torch.stack(columns, 1)

    def at(self, chosen: Tensor) -> Cuts:
        """Return the cuts at the positions `chosen`: numbers, or (S,) bool."""
        return Cuts(self.sinks[chosen], tuple(side[chosen] for side in self.near))


def join(parts: Sequence[Cuts]) -> Cuts:
    """Return the cuts of all `parts` (at least one), in this order."""
    near = tuple(torch.cat(sides) for sides in zip(*(part.near for part in parts), strict=True))
    return Cuts(torch.cat([part.sinks for part in parts]), near)


def bound_cuts(forward: Forward, sinks: Tensor) -> Cuts:
    """Return for each of the S `sinks` the cut that its bound counts."""
    layers, bounds = forward.problem.layers, forward.bounds
    far = bounds[0] <= layers[0].T[sinks]
    near = [~far]
    for layer, bound in zip(layers[1:], bounds[1:], strict=True):
        held_above = (bound[:, None] <= layer).to(torch.float32)
        far = (far.to(torch.float32) @ held_above.T) > 0
        near.append(~far)
    if forward.problem.source_is_token:
        near[-1] = torch.ones_like(near[-1])
    return Cuts(sinks, tuple(near))


def nearest_source(forward: Forward, cuts: Cuts, requests: tuple[Tensor, ...]) -> Tensor:
    """Return where (S,) a minimum cut is certainly the nearest to the source.

    `requests[l - 1]` (S, N_l): the most that passes through each token in some maximum flow. Were there a minimum cut
    nearer the source, the uppermost tokens between the two would receive all that their suppliers on the source's side
    can give. So it is enough that no token on the source's side does, of those that anything can reach at all.
    """
    certain = torch.ones(len(cuts.sinks), dtype=torch.bool, device=cuts.sinks.device)
    problem = forward.problem
    reached = torch.ones_like(cuts.near[-1])
    for level in range(problem.depth - problem.source_is_token, 0, -1):
        if level == problem.depth:
            reach = problem.start.expand(reached.shape)
        else:
            alike = bool((reached == reached[:1]).all())
            reach = (reached[:1] if alike else reached).to(torch.float64) @ problem.layers[level]
        reached = cuts.near[level - 1] & (reach > 0)
        certain &= ((requests[level - 1] < reach * (1 - _UNSATURATED)) | ~reached).all(1)
    return certain


@dataclass(frozen=True)
class Report:
    """For all N_0 sinks the cut to report, by the rule of `choose`: value, ties, capacity by layer (N_0, L + 1)."""

    value: Tensor
    source_limited: Tensor
    sink_limited: Tensor
    shares: Tensor


def choose(problem: FlowProblem, cuts: Cuts) -> Report:
    """Return what to report for every sink of `problem`; `cuts` are minimum cuts, each the nearest to the source.

    The cut around the source comes first if it is as small, then the sink's own column of layer 1, then `cuts`. A sink
    that is not among `cuts` is known to have one of the two outermost cuts.
    """
    source, column = problem.source_capacity, problem.column_capacity
    shares = torch.zeros(problem.sinks, problem.depth + 1).to(column)
    smallest = column.clamp(max=float(source))
    if len(cuts.sinks):
        shares[cuts.sinks] = cuts.shares(problem)
        smallest[cuts.sinks] = torch.minimum(smallest[cuts.sinks], shares[cuts.sinks].sum(1))
    source_limited = source <= smallest * (1 + _TIE)
    sink_limited = column <= smallest * (1 + _TIE)
    around_source, own_column = torch.zeros_like(shares), torch.zeros_like(shares)
    around_source[:, problem.source_layer - 1] = source
    own_column[:, 0] = column
    shares = torch.where(sink_limited[:, None], own_column, shares)
    shares = torch.where(source_limited[:, None], around_source, shares)
    return Report(shares.sum(1), source_limited, sink_limited, shares)


def cuts_below(deeper: FlowProblem, cuts: Cuts, report: Report, problem: FlowProblem) -> Cuts:
    """Return which inner cuts of `deeper` are minimal without its top layer, too: in `problem`, below the same token.

    They are those of which the source's side holds, on the level below the source, nothing but the source's own token.
    A maximum flow of `deeper` saturates the cut, and all of it that crosses below that level has come through that
    token: so it is a flow of `problem` as large as the rest of the cut. A cut nearer the source there would be one
    in `deeper`, too.
    """
    top = cuts.near[problem.depth - 1]
    chosen = torch.zeros_like(cuts.sinks, dtype=torch.bool)
    if deeper.source_is_token and problem.source_is_token:
        rows = deeper.layers[problem.depth - 1][top.to(torch.uint8).argmax(1)]
        chosen = (top.sum(1) == 1) & (rows == problem.layers[-1]).all(1)
    chosen &= ~(report.source_limited | report.sink_limited)[cuts.sinks]
    chosen &= report.shares[cuts.sinks, : problem.depth].sum(1) >= _PART * report.value[cuts.sinks]
    near = [side[chosen] for side in cuts.near[: problem.depth]]
    near[-1] = near[-1][:, : problem.layers[-1].shape[0]].clone().fill_(True)
    return Cuts(cuts.sinks[chosen], tuple(near))


def layers_passed(shares: Tensor) -> tuple[tuple[int, ...], ...]:
    """Return for each row of `shares` (S, L + 1) the layers, counted from 1, out of which a cut takes capacity.

    What is lost in the sum counts as nothing: cuts that differ in it are equal.
    """
    passed = (shares > _LOST * shares.sum(1, keepdim=True)).cpu().numpy()
    layers, ends = (passed.nonzero()[1] + 1).tolist(), passed.sum(1).cumsum().tolist()
    return tuple(tuple(layers[start:end]) for start, end in pairwise([0, *ends]))
