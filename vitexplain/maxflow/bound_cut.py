"""From bounds back to cuts: which tokens of the original graph the bound of a sink cuts off, and whether that cut is
the only one.

The bound of a sink adds, over the tokens i above it, the smaller of the edge c(i, j) and the bound B(i). Where B(i) is
the smaller (or as small: nearer the source), i lies on the sink's side, and so on upwards. The result is a cut of the
original graph whose capacity is at most the bound; if a flow of the bound's value exists, it is a minimum cut.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.cut import Cuts, none_of
from vitexplain.maxflow.descent import Descent

_STRICT = 1e-9
"""A token counts as not saturated if it passes on less than it could receive by this share."""


def bound_cuts(descent: Descent, sinks: Tensor) -> Cuts:
    """Return for each of the S `sinks` the cut that its bound counts."""
    layers, bounds = descent.network.layers, descent.bounds
    if not len(sinks):
        return none_of(descent.network)
    far = bounds[0] <= layers[0].T[sinks]
    near = [~far]
    for layer, bound in zip(layers[1:], bounds[1:], strict=True):
        held_above = (bound[:, None] <= layer).to(torch.float32)
        far = (far.to(torch.float32) @ held_above.T) > 0
        near.append(~far)
    if descent.network.source_is_token:
        near[-1] = torch.ones_like(near[-1])
    return Cuts(sinks, tuple(near))


def nearest_source(descent: Descent, cuts: Cuts, requests: tuple[Tensor, ...]) -> Tensor:
    """Return where (S,) a minimum cut is certainly the nearest to the source.

    `requests[l - 1]` (S, N_l): at most so much passes through each token in some maximum flow. Were there a minimum cut
    nearer the source, the uppermost tokens between the two would receive all that their suppliers on the source's side
    can give. So it is enough that no token on the source's side does, of those that anything can reach at all.
    """
    certain = torch.ones(len(cuts.sinks), dtype=torch.bool, device=cuts.sinks.device)
    network = descent.network
    reached = torch.ones_like(cuts.near[-1])
    for level in range(network.depth - network.source_is_token, 0, -1):
        if level == network.depth:
            reach = network.start.expand(reached.shape)
        else:
            alike = bool((reached == reached[:1]).all())
            reach = (reached[:1] if alike else reached).to(torch.float64) @ network.layers[level]
        reached = cuts.near[level - 1] & (reach > 0)
        certain &= ((requests[level - 1] < reach * (1 - _STRICT)) | ~reached).all(1)
    return certain
