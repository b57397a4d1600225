"""Exact maximum flow in a layered graph: arrays in, arrays out; nothing here knows a model.

Why it is exact, and why it is fast, in ten lines:

1.  Every cut bounds every flow. `descent` bounds what can arrive anywhere, layer by layer, once for all sinks; on
    attention this bound is nearly always the flow itself, so what remains is to prove that a flow of its size exists.
2.  Attention rollout is a feasible flow. Whatever asks of no token more than its rollout mass is supplied by a part of
    rollout; whatever takes all of every token's mass carries all that the source has (`sweep`).
3.  So the flow is built from the sink upwards only until rollout takes over: often two or three layers of twelve.
4.  `pull` passes demands up one layer, for all sinks by the same few matrix products, with no edge above its capacity;
    edge by edge the flow exists, but it is never written down.
5.  The few tokens that need far more than their mass are filled up exactly, one by one, like vessels (`water`); near
    the source, its own residual chain gives first, for what it does not give nobody else can.
6.  What is not proven goes to `solver`: OR-tools' push-relabel, which is exact on whole numbers of 61 bits; first, for
    demands that were given up near the source, on the few layers above them alone (`finish`).
7.  It starts with the few strongest edges. If the minimum cut found there is crossed by no other edge, it is the
    minimum cut of the whole graph; if it is, just the crossing edges join, and a few rounds settle it.
8.  What is reported is a cut of the original graph, measured there in float64 (`cut`, `bound_cut`), never the sum of
    a flow; of several minimum cuts always the same one.
9.  `verify=True` builds a flow for every sink on every edge and lays flow and cut before a judge (`certificate`) that
    shares no code with what it judges.
10. Every loop has a bound: levels, ranks, turns, rounds. The reported gap says what is left to doubt.

Graphs of few layers, and of layers that hardly mix (gradient-weighted attention), are another matter: most of their
minimum cuts lie along two chains of tokens, found in closed form and proven by two pushes (`chain_cuts`,
`proportional`). Of one graph cut off at every depth (`by_depth`), the deeper ones use what was proven for a shallower
one, and the shallow ones what pushes have shown in deeper ones.

OR-tools and not scipy: scipy.sparse.csgraph.maximum_flow takes 32-bit capacities, too coarse for a gap of 1e-9.
"""

from vitexplain.maxflow.flow import edge_flow, layered_max_flow, layered_max_flow_batch, layered_max_flow_by_layer
from vitexplain.maxflow.result import EdgeFlow, LayeredFlow

__all__ = [
    "EdgeFlow",
    "LayeredFlow",
    "edge_flow",
    "layered_max_flow",
    "layered_max_flow_batch",
    "layered_max_flow_by_layer",
]
