"""What a sweep could not supply near the source: the solver looks at the layers above it alone.

Most demands that a sweep gives up have come far: they are a little out of balance in the last layers below the source.
Whether the source can supply them is a maximum flow of its own, through these few layers, with the demand in the place
of layer 1. If it can, all that was pulled below carries it on to the sink.
"""

from __future__ import annotations

from torch import Tensor

from vitexplain.maxflow.descent import EPS, Descent, descend
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.solver import Solver
from vitexplain.maxflow.sweep import Sweep

_FAR = 0.5
"""A demand has come far if it was pulled through so large a part of all layers."""


def finish(descent: Descent, found: Sweep, wanted: Tensor) -> None:
    """Mark in `found` as proven those of its S sinks which are `wanted` (S,) bool and which the source can supply.

    Nothing is said of a level from which rollout would supply it. Of the demands that came up to the same level, no
    more are looked at once one of them cannot be supplied.
    """
    network = descent.network
    # What a single token passes on to the level below it is rollout's mass there, which the sweep has compared already.
    top = network.depth - network.source_is_token
    far = wanted & ~found.proven & (found.pulled >= _FAR * network.depth) & (found.pulled < top)
    for level in sorted(set(found.pulled[far].tolist())):
        positions = (far & (found.pulled == level)).nonzero()[:, 0]
        demand = found.requests[level - 1][positions].T.contiguous()
        solver = Solver(descend(Network(network.start, (demand, *network.layers[level:]), network.source_is_token)))
        for number, enough in enumerate(found.bound[positions].tolist()):
            if solver.solve(number, enough=enough)[0] < enough * (1 - EPS):
                break
            found.proven[positions[number]] = True
