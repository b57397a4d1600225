"""Attention rollout: how much of the source's mixture comes from each patch, summed over all paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import GraphOptions, MethodScores, token_scores


@dataclass(frozen=True)
class Rollout(GraphOptions):
    """Each patch's share in the source's mixture, over all paths through the layers (Abnar & Zuidema 2020).

    Section 3.1: the source's row of the product of the graph's layers.
    """

    name: ClassVar[str] = "rollout"

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; for mean fusion they sum to 1 over all tokens."""
        graph = self.graph(forward_pass)
        return token_scores(
            graph.roll_out(),
            graph.grid,
            unit="share of the source's mixture",
            layers=(graph.first, graph.last),
            source=self.source,
            notices=graph.notices,
        )
