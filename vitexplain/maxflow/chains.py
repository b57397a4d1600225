"""The two chains of a network: the head chain from the source down, and each sink's tail chain up from it.

In a graph of few layers most that leaves the source stays on its *head chain* (the strongest edge down, then again the
strongest: with residual connections the source's own token), and most that reaches a sink comes by its *tail chain*
(the strongest edge up). A chain cut at level m has on the source's side, above level m, the head chain alone; below
level m, everything but the tail chain; and of level m each token to which the head gives more than it passes on to the
tail. So it counts all edges out of the head chain above, all edges into the tail chain below, and the smaller of the
two edges of every token of level m. There are only L - 1 such cuts a sink. Each may spare the strongest edge into the
tail chain in layer m - 1: then the token where that edge begins, the *twig*, is on the sink's side, too, and of a token
of level m its edges into tail and twig count together.
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
        self.twigs: dict[int, Tensor] = {}
        for level in range(self.top - 1, 0, -1):
            self.heads[level] = int(self.row(level + 1).argmax())

    def best(self, most: Tensor) -> tuple[Tensor, Tensor]:
        """Return the smallest capacity of a chain cut and its level, both (N_0,); those not below `most` are inf, 0.

        The twigs are chosen here. Where one would spare nothing, the tail counts as its own twig.
        """
        sinks = (most > 0).nonzero()[:, 0]
        least, at = torch.full_like(most[sinks], torch.inf), torch.zeros_like(sinks)
        inside = below = torch.zeros_like(least)
        entering = inside[:, None]
        for level in range(1, self.top):
            if bool((inside >= most[sinks]).all()):
                break
            row, column = self.row(level + 1), self.column(level, sinks)
            outside = sum(self.leaving(layer).sum() for layer in range(level + 2, self.top + 1))
            tail = column.argmax(1, keepdim=True)
            self.tails[level] = torch.zeros_like(self.tails[0]).index_copy(0, sinks, tail[:, 0])
            if bool((inside + outside < most[sinks]).any()):
                capacity = inside + torch.minimum(row, column).sum(1)
                if level > 1:
                    twig = entering.argmax(1, keepdim=True)
                    across = torch.minimum(row, column + self.layers[level - 1].T[twig[:, 0]]).sum(1)
                    forked = below + entering.scatter(1, twig, 0.0).sum(1) + across
                    chosen = torch.where(forked < capacity, twig[:, 0], self.tails[level - 1][sinks])
                    self.twigs[level] = self.tails[level - 1].index_copy(0, sinks, chosen)
                    capacity = torch.minimum(capacity, forked)
                capacity = capacity + outside
                at = torch.where(capacity < least, level, at)
                least = torch.minimum(least, capacity)
            entering = column.scatter(1, tail, 0.0)
            below, inside = inside, inside + entering.sum(1)
        value, levels = torch.full_like(most, torch.inf), torch.zeros_like(self.tails[0])
        value[sinks], levels[sinks] = least, at
        return value, levels

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

    def entering(self, layer: int, sinks: Tensor, level: int = 0) -> Tensor:
        """Return the capacities (S, N_l) that enter the tail chains in layer l: their own edge counts as 0.

        So does the twig's, if the layer is the one below a cut at `level`.
        """
        return self.column(layer, sinks).scatter(1, self.ends(layer, sinks, level), 0.0)

    def ends(self, at: int, sinks: Tensor, level: int) -> Tensor:
        """Return the tokens (S, 1), or (S, 2) with the twig, of level `at` on the sink's side of a cut at `level`."""
        chains = [self.tails[at], self.twigs[level]] if at == level - 1 else [self.tails[at]]
        return torch.stack([tokens[sinks] for tokens in chains], 1)

    def taken(self, level: int, sinks: Tensor) -> Tensor:
        """Return the capacities (S, N_level) into the tail chains of `sinks` and the twigs below `level` together."""
        return self.column(level, sinks) + self.into_twig(level, sinks)

    def into_twig(self, level: int, sinks: Tensor) -> Tensor:
        """Return the capacities (S, N_level) into the twigs of `sinks` below `level`: 0 where there are none."""
        if level not in self.twigs:
            return torch.zeros_like(self.column(level, sinks))
        twigs = self.twigs[level][sinks]
        return self.layers[level - 1].T[twigs] * (twigs != self.tails[level - 1][sinks])[:, None]
