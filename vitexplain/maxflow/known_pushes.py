"""What pushes along the chains of one depth have shown, for graphs of the same layers cut off at smaller depths.

A push down brings what leaves the head chain, in all layers above some level, into the tail chain there. In a shallower
graph the same leaves the same chain in fewer layers: without what came from the others, the flow is one for that graph.
A push up, from what enters the tail chain, knows nothing of what is above its level but the head chain's edges there,
and is the same for all depths, as are the twigs below that level. (Where the chains differ, as they do for a virtual
source, nothing is reused.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.chains import Chains
from vitexplain.maxflow.proportional import Pushed


class Upward:
    """Pushes up to one level of one graph: which sinks were `tried` and which `fits` (N_0,), and what they `held`.

    `held[l - 1]` (N_0, N_l) on levels 1 .. m. `supply` (N_m,): the head chain's edges into that level.
    """

    def __init__(self, supply: Tensor, sinks: int, widths: list[int]) -> None:
        self.supply = supply
        self.tried = torch.zeros(sinks, dtype=torch.bool, device=supply.device)
        self.fits = torch.zeros_like(self.tried)
        self.held = [torch.zeros(sinks, width).to(supply) for width in widths]

    def add(self, sinks: Tensor, pushed: Pushed) -> None:
        """Keep what was found for `sinks`."""
        self.tried[sinks], self.fits[sinks] = True, pushed.fits
        for kept, level in zip(self.held, pushed.held, strict=True):
            kept[sinks] = level


class KnownPushes:
    """What was found so far, by level. What is found for a deep graph is of use for those that come after it."""

    def __init__(self) -> None:
        self._down: dict[int, tuple[Chains, Tensor]] = {}
        self._up: dict[int, Upward] = {}

    def down(self, chains: Chains, level: int) -> Tensor:
        """Return for which sinks (N_0,) bool a push down to `level` is known to fit."""
        if level in self._down:
            deeper, fits = self._down[level]
            rows = range(level + 1, chains.top + 1)
            if deeper.top >= chains.top and all(torch.equal(chains.row(at), deeper.row(at)) for at in rows):
                return fits
        return torch.zeros_like(chains.tails[0], dtype=torch.bool)

    def add_down(self, chains: Chains, level: int, sinks: Tensor) -> None:
        """Keep that pushes of `sinks` down to `level` fit."""
        fits = self.down(chains, level).clone()
        fits[sinks] = True
        self._down[level] = chains, fits

    def up(self, chains: Chains, level: int) -> Upward:
        """Return what is known of pushes up to `level`, to be added to."""
        supply = chains.row(level + 1)
        if level not in self._up or not torch.equal(supply, self._up[level].supply):
            widths = [len(layer) for layer in chains.layers[:level]]
            self._up[level] = Upward(supply, len(chains.tails[0]), widths)
        return self._up[level]
