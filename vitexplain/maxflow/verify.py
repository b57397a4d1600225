"""verify=True: a flow for every sink, edge by edge, and its cut, both put before the judge in `certificate`.

The flows are the solver's, in whole numbers, also for the sinks that the sweep settled: the sweep's cuts and the
solver's flows come about independently, and meet only here.
"""

from __future__ import annotations

import torch

from vitexplain.maxflow.certificate import Bools, check_flow, cut_capacity
from vitexplain.maxflow.descent import descend
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.settle import Settled, largest_gap
from vitexplain.maxflow.solver import Solver


def verified_gap(network: Network, settled: Settled) -> float:
    """Return the largest (cut - flow) / cut over all sinks, as the judge finds them on the original graph.

    Flow is what a materialised flow delivers, less the most by which it breaks a rule; cut is the capacity of the cut
    reported, edge by edge, or the value reported if that is larger.
    """
    layers, start = [layer.cpu().numpy() for layer in network.layers], network.start.cpu().numpy()
    solver, flows, cuts = Solver(descend(network)), [], []
    for sink, value in enumerate(settled.report.value.tolist()):
        side = source_side(network, settled, sink)
        solver.solve(sink, side)
        edges, source_flow = solver.edges(sink)
        check = check_flow(layers, start, sink, edges, source_flow)
        flows.append(check.value - check.violation)
        cuts.append(max(value, cut_capacity(layers, start, sink, side)))
    return largest_gap(torch.tensor(flows, dtype=torch.float64), torch.tensor(cuts, dtype=torch.float64))


def source_side(network: Network, settled: Settled, sink: int) -> list[Bools]:
    """Return the tokens (N_l,) of levels 1 .. L on the source's side of the cut reported for `sink`.

    Around the source there is nothing but the source itself; all but the sink lies on this side of the sink's column.
    """
    levels = [layer.shape[0] for layer in network.layers]
    report = settled.report
    if bool(report.source_limited[sink]):
        near = [torch.zeros(tokens, dtype=torch.bool) for tokens in levels]
        near[-1][:] = network.source_is_token
    elif bool(report.sink_limited[sink]):
        near = [torch.ones(tokens, dtype=torch.bool) for tokens in levels]
    else:
        position = int((settled.cuts.sinks == sink).nonzero()[0, 0])
        near = [side[position].cpu() for side in settled.cuts.near]
    return [side.numpy() for side in near]
