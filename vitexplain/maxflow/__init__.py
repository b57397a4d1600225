"""Exact maximum flow in a layered graph: arrays in, arrays out; nothing here knows a model.

The problem. Tokens lie on levels 0 (the image) to L (where the source is). Layer l holds the edges from level l down to
level l - 1, each with a capacity, the most that it can carry. For every token at the bottom by itself, the sink: how
much can flow to it from the source? What enters any other token must leave it again.

Why the answer is exact. A cut puts every token on the source's side or on the sink's side; its capacity is the sum over
the edges that lead from the first side to the second. All that flows from source to sink must cross somewhere, so no
flow is larger than any cut (weak duality). Where a flow and a cut have the same size, therefore, both are optimal: the
cut rules out a larger flow, the flow rules out a smaller cut. That is the whole proof. For every sink this package
finds a cut and shows that a flow of its size exists; it reports the capacity of the cut, measured in float64 on the
original graph.

An example. The source has edges of 0.7 to token a and 0.3 to token b, and each of these has an edge of 0.5 to the sink.
The edges from a to the sink and from the source to b are a cut, of capacity 0.5 + 0.3 = 0.8. The sink asks for 0.5 from
a and 0.3 from b; the source can supply both. So 0.8 is the maximum, and the bottlenecks are these two edges.

How cut and flow are found, file by file:

1.  `forward`, the forward sweep, from the source down. No more can leave a token than can arrive there, so the most
    that can arrive at the next level is a sum of min(edge, what arrives above it), and so on to the bottom: a bound for
    every sink at once. Each bound is the capacity of a cut: wherever the minimum is what arrives above, the cut lies
    higher up (`cut`). The same sweep follows attention rollout, where every token passes on what it receives in
    proportion to its edges. Rollout is a flow: it says how much certainly arrives at each token.
2.  `backward`, the backward sweep, from the sinks up: a flow of the bound's size is constructed. A sink asks to have
    its edges saturated; the tokens asked pass the demand on to those above them, level by level. Rollout saves going
    all the way: as soon as no token is asked for more than rollout brings there, the demand is supplied, by the part of
    rollout that arrives there and is wanted. Or, as soon as every token is asked for at least what rollout brings, and
    rollout has lost nothing on its way, all that the source has flows on to the sink, and the cut around the source is
    reached. On attention that takes two or three layers of twelve.
3.  `pull` passes demands up one layer for all sinks at once, with no edge above its capacity. Any way of sharing them
    out is valid; a good one asks no token for more than its share of rollout. The bottlenecks of a sink are served
    first by waterfilling, then everything else by matrix products. What fails here only proves nothing.
4.  `solver` takes the sinks for which nothing was proven: OR-tools' push-relabel algorithm, an exact one. It starts
    with the few strongest edges of the graph, which gives a flow and a minimum cut of that part. If no edge left out
    crosses the cut, its capacity is the same in the whole graph, so both are optimal there too. Otherwise the crossing
    edges join, and it solves again, a bounded number of times until every edge takes part.
5.  `settle` puts this together and says which cut is reported where several are minimal: that around the source, else
    the sink's own column of layer 1, else the one nearest the source. `problem` checks what the caller gives.
6.  `certificate` is a judge that shares no code with all this. With `verify=True` every flow is written down edge by
    edge, and the judge adds up both sides.

Why whole numbers do no harm. The solver counts in units of about 2^-61 of all that leaves the source, and rounds every
capacity down. So its flow fits the original edges, and its cut, measured on the original graph, is larger than that
flow by less than one unit for each edge that crosses it: with a million of them, 1e-12 of what the source has. The true
maximum lies between the two. `gap` is the largest difference relative to the cut: all that is left to doubt.

OR-tools and not scipy: scipy.sparse.csgraph.maximum_flow takes 32-bit capacities, too coarse for a gap of 1e-9.
"""

from vitexplain.maxflow.flow import EdgeFlow, LayeredFlow, edge_flow, layered_max_flow, layered_max_flow_by_layer

__all__ = ["EdgeFlow", "LayeredFlow", "edge_flow", "layered_max_flow", "layered_max_flow_by_layer"]
