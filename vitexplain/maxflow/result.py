"""LayeredFlow and EdgeFlow: what is known about the flows of one network, in the caller's kind of array."""

from __future__ import annotations

from dataclasses import dataclass

from vitexplain.maxflow.network import Array


@dataclass(frozen=True, eq=False)
class LayeredFlow:
    """The maximum flow from one source to each of the N_0 tokens at the bottom, each token by itself.

    `value` (N_0,): float64 capacity of the minimum cut reported for each sink, measured on the original graph, in the
    unit of the capacities. Reported is the cut around the source if it is minimal, else the sink's own column of
    layer 1 if that is, else the minimum cut nearest the source.
    `source_limited`, `sink_limited` (N_0,) bool: whether the cut around the source, and the sink's column, are
    minimal; both, one or neither may be.
    `cut_layers`: for each sink the layers, counted from 1 = nearest the image, that its reported cut passes with more
    than nothing. L + 1 stands for the edges of a virtual source (a source given as weights). Empty where the sink
    cannot be reached.
    `layer_share` (N_0, L + 1): what the reported cut takes out of layers 1 .. L and L + 1; its sum is `value`.
    `gap`: the largest (cut - flow) / cut over all sinks: how far from optimal the values could be at most. Where
    `verified`, the flow is one that was materialised edge by edge and checked; otherwise it is the accuracy to which
    the flow was constructed.
    `left_to_solver`: the number of sinks that only the solver on the whole graph could settle.
    """

    value: Array
    source_limited: Array
    sink_limited: Array
    cut_layers: tuple[tuple[int, ...], ...]
    layer_share: Array
    gap: float
    verified: bool
    left_to_solver: int


@dataclass(frozen=True, eq=False)
class EdgeFlow:
    """One maximum flow for one sink, edge by edge, and a minimum cut that proves it maximal.

    `value`: what arrives at the sink. `flow`: L arrays (N_l, N_{l-1}) shaped like the capacities given, the first
    nearest the image. `source_flow` (N_L,): flow on the virtual source's edges; None for a source that is a token.
    `cut_capacity`: float64 capacity of the cut on the original graph, `cut_layers` the layers it passes (as in
    LayeredFlow, whose rule says which of the minimum cuts it is), `source_side`: for levels 0 .. L (N_l,) bool, the
    tokens on the source's side; the cut consists of the edges that leave it.
    """

    value: float
    flow: tuple[Array, ...]
    source_flow: Array | None
    cut_capacity: float
    cut_layers: tuple[int, ...]
    source_side: tuple[Array, ...]
