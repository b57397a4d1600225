"""The two chains of a network: the head chain from the source down, and each sink's tail chain up from it.

In a graph of few layers most that leaves the source stays on its *head chain* (the strongest edge down, then again the
strongest: with residual connections the source's own token), and most that reaches a sink comes by its *tail chain*
(the strongest edge up). A chain cut at level m has on the source's side, above level m, the head chain alone; below
level m, everything but the tail chain; and of level m each token to which the head gives more than it passes on to the
tail. So it counts all edges out of the head chain above, all edges into the tail chain below, and the smaller of the
two edges of every token of level m. There are only L - 1 such cuts a sink.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vitexplain.maxflow.network import Network


class Chains:
    """The chains of a network whose source is one token of level `top`; a virtual source makes a level of its own.

    `heads[l]` is the head chain's token of level l; `tails[l]` (N_0,) are the tail chains', as far as they are known.
    """

    def __init__(self, network: Network) -> None:
        self.layers = network.layers if network.source_is_token else (*network.layers, network.start[None])
        self.top = len(self.layers)
        self.heads, self.tails = {self.top: 0}, {0: torch.arange(network.sinks, device=network.start.device)}
        for level in range(self.top - 1, 0, -1):
            self.heads[level] = int(self.row(level + 1).argmax())

    def best(self, most: Tensor) -> tuple[Tensor, Tensor]:
        """Return the smallest capacity of a chain cut and its level, both (N_0,); those not below `most` are inf, 0."""
        value, level = torch.full_like(most, torch.inf), torch.zeros_like(self.tails[0])
        inside = torch.zeros_like(most)
        for at in range(1, self.top):
            if bool((inside >= most).all()):
                break
            outside = inside + sum(self.leaving(layer).sum() for layer in range(at + 2, self.top + 1))
            column = self.column(at, self.tails[0])
            self.tails[at] = column.argmax(1)
            if bool((outside < most).any()):
                capacity = outside + torch.minimum(self.row(at + 1), column).sum(1)
                level = torch.where(capacity < value, at, level)
                value = torch.minimum(value, capacity)
            inside = inside + column.sum(1) - column.amax(1)
        return value, level

    def tail(self, level: int) -> Tensor:
        """Return the tokens (N_0,) of the tail chains on a level."""
        if level not in self.tails:
            self.tails[level] = self.layers[level - 1].T[self.tail(level - 1)].argmax(1)
        return self.tails[level]

    def row(self, layer: int) -> Tensor:
        """Return the capacities (N_{l-1},) out of the head chain in layer l."""
        return self.layers[layer - 1][self.heads[layer]]

    def column(self, layer: int, sinks: Tensor) -> Tensor:
        """Return the capacities (S, N_l) into the tail chains of `sinks` in layer l."""
        return self.layers[layer - 1].T[self.tails[layer - 1][sinks]]

    def leaving(self, layer: int) -> Tensor:
        """Return the capacities (N_{l-1},) that leave the head chain in layer l: its own edge counts as 0."""
        row = self.row(layer).clone()
        row[self.heads[layer - 1]] = 0
        return row

    def entering(self, layer: int, sinks: Tensor) -> Tensor:
        """Return the capacities (S, N_l) that enter the tail chains in layer l: their own edge counts as 0."""
        return self.column(layer, sinks).scatter(1, self.tails[layer][sinks][:, None], 0.0)
