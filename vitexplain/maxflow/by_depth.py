"""One graph cut off at every depth: what was proven for a shallower graph is used for the deeper ones.

A sweep proves a flow from the sink up to some level, and that rollout's mass there supplies it. It does not matter to
the proof how the mass came there. So if a deeper graph can bring exactly the same mass to that level, all that was
proven from there down holds in it too, for all sinks at once. Whether it can is one small problem: proportions are
fitted (Sinkhorn and Knopp's iteration) until all that leaves the source arrives as that mass. The masses are alike,
because attention mixes, so a dozen turns of products of one vector with each layer do.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vitexplain.maxflow.descent import EPS, TINY, Descent, descend
from vitexplain.maxflow.network import Network
from vitexplain.maxflow.settle import Settled, settle_descent

_ROOM_TO_MIX = 2
"""The mass to be brought about is that of a level so far below the top of the shallower graph."""
_ENOUGH = 0.9
"""A graph serves the deeper ones once so large a part of its sinks is proven from that level down."""
_TURNS = 40


def settle_by_depth(networks: Sequence[Network]) -> list[Settled]:
    """Return the maximum flows of `networks`: one graph, cut off after layers 1, 2, .. in this order."""
    settled: list[Settled] = []
    served: tuple[Descent, Tensor] | None = None
    for network in networks:
        descent = descend(network)
        level = network.depth - _ROOM_TO_MIX
        outer = torch.zeros(network.sinks, dtype=torch.bool, device=network.start.device)
        if served is not None and _brings_about(descent, served[0]):
            outer = served[1]
        settled.append(settle_descent(descent, outer))
        if served is None and level > 0 and descent.lossless[level - 1]:
            proven = (settled[-1].from_level > 0) & (settled[-1].from_level <= level)
            if float(proven.double().mean()) >= _ENOUGH:
                served = descent, proven
    return settled


def _brings_about(deeper: Descent, shallower: Descent) -> bool:
    """Return whether a flow was found in `deeper` that brings all that its source has to where `shallower` has it.

    What was proven there is that all of the mass at level l passes on, or a part of it; l is _ROOM_TO_MIX levels below
    the top of `shallower`.
    """
    level = shallower.network.depth - _ROOM_TO_MIX
    mass = shallower.mass[level - 1]
    if abs(deeper.total - shallower.total) > EPS * shallower.total:
        return False
    layers, start = deeper.network.layers[level:], deeper.network.start
    if deeper.network.source_is_token:
        # All edges out of the source are full, so there is nothing to be fitted.
        layers, start = layers[:-1], layers[-1][0]
    appeal = torch.ones_like(mass)
    for _ in range(_TURNS):
        appeals = [appeal]
        for layer in layers[:-1]:
            above = layer @ appeals[-1]
            appeals.append(above / above.amax().clamp(min=TINY))
        held, runs_over = start, torch.zeros((), dtype=torch.bool, device=mass.device)
        for layer, liked in zip(reversed(layers), reversed(appeals), strict=True):
            share = held / (layer @ liked).clamp(min=TINY)
            runs_over |= share.amax() * liked.amax() > 1 + EPS
            held = liked * (share @ layer)
        off = (held - mass).abs() / mass.clamp(min=TINY)
        if bool((off <= EPS).all()):
            return not bool(runs_over)
        appeal = appeal * mass / held.clamp(min=TINY)
        appeal = appeal / appeal.amax().clamp(min=TINY)
    return False
