"""Cuts: which tokens lie on the source's side, what the cut costs on the original graph, which layers it passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from vitexplain.maxflow.network import Network


@dataclass(frozen=True)
class Cuts:
    """One cut for each of S sinks.

    `near[l - 1]` (S, N_l) says which tokens of level l lie on the source's side. At level 0 every token but the sink
    itself does. `sinks` (S,) are the sinks' numbers.
    """

    sinks: Tensor
    near: tuple[Tensor, ...]

    def shares(self, network: Network) -> Tensor:
        """Return the capacity (S, L + 1) that each cut takes out of layers 1 .. L and of the virtual source's edges.

        An edge counts where it leads from the source's side to the sink's side. The row sums are the cuts' capacities.
        """
        near = [side.to(torch.float64) for side in self.near]
        columns = [(near[0] * network.layers[0].T[self.sinks]).sum(1)]
        for upper, lower, layer in zip(near[1:], near[:-1], network.layers[1:], strict=True):
            columns.append(((upper @ layer) * (1 - lower)).sum(1))
        columns.append((1 - near[-1]) @ network.start)
        return torch.stack(columns, 1)

    def at(self, chosen: Tensor) -> Cuts:
        """Return the cuts at the positions `chosen`: numbers, or (S,) bool."""
        return Cuts(self.sinks[chosen], tuple(side[chosen] for side in self.near))


def none_of(network: Network) -> Cuts:
    """Return the cuts of no sink at all."""
    sinks = torch.zeros(0, dtype=torch.long, device=network.start.device)
    return Cuts(sinks, tuple(layer[:, :0].T > 0 for layer in network.layers))


def join(parts: Sequence[Cuts]) -> Cuts:
    """Return the cuts of all `parts` (at least one) behind one another."""
    near = tuple(torch.cat(sides) for sides in zip(*(part.near for part in parts), strict=True))
    return Cuts(torch.cat([part.sinks for part in parts]), near)


_TIE = 1e-11
"""Cuts whose capacities differ by less than this share of themselves count as equal: float64 sums cannot say more."""

_LOST = 1e-16
"""A share of a sum that float64 cannot hold."""


@dataclass(frozen=True)
class Report:
    """For all N_0 sinks the cut to report, by the rule of `choose`: value, ties, capacity by layer (N_0, L + 1)."""

    value: Tensor
    source_limited: Tensor
    sink_limited: Tensor
    shares: Tensor


def choose(network: Network, cuts: Cuts) -> Report:
    """Return what to report for every sink of `network`; `cuts` are minimum cuts, each the nearest to the source.

    The cut around the source comes first if it is as small, then the sink's own column of layer 1, then `cuts`. A sink
    that is not among `cuts` is known to have one of the two outermost cuts.
    """
    source, column = network.source_capacity, network.column_capacity
    shares = torch.zeros(network.sinks, network.depth + 1).to(column)
    smallest = column.clamp(max=float(source))
    if len(cuts.sinks):
        shares[cuts.sinks] = cuts.shares(network)
        smallest[cuts.sinks] = torch.minimum(smallest[cuts.sinks], shares[cuts.sinks].sum(1))
    source_limited = source <= smallest * (1 + _TIE)
    sink_limited = column <= smallest * (1 + _TIE)
    around_source, own_column = torch.zeros_like(shares), torch.zeros_like(shares)
    around_source[:, network.source_layer - 1] = source
    own_column[:, 0] = column
    shares = torch.where(sink_limited[:, None], own_column, shares)
    shares = torch.where(source_limited[:, None], around_source, shares)
    return Report(shares.sum(1), source_limited, sink_limited, shares)


def layers_passed(shares: Tensor) -> tuple[tuple[int, ...], ...]:
    """Return for each row of `shares` (S, L + 1) the layers, counted from 1, out of which a cut takes capacity.

    What is lost in the sum counts as nothing: cuts that differ in it are equal.
    """
    passed = (shares > _LOST * shares.sum(1, keepdim=True)).cpu().numpy()
    layers, ends = (passed.nonzero()[1] + 1).tolist(), passed.sum(1).cumsum().tolist()
    return tuple(tuple(layers[start:end]) for start, end in pairwise([0, *ends]))
