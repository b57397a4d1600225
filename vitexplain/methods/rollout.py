"""Attention rollout: how much of the source's mixture comes from each patch, summed over all paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from vitexplain.attention import AttentionGraph
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import GraphOptions, MethodScores, split_patches


@dataclass(frozen=True)
class Rollout(GraphOptions):
    """Each patch's share in what the source has mixed, over all paths through the layers (Abnar & Zuidema 2020).

    Section 3.1: the source's row of the product of the graph's layers.
    """

    name: ClassVar[str] = "rollout"

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; for mean fusion they sum to 1 over all tokens."""
        graph = self.graph(forward_pass)
        values = roll_out(graph).cpu().numpy()
        scores, shares = split_patches(values, graph.layout)
        return MethodScores(
            values=scores,
            unit="share of the source's mixture",
            layers=(graph.first, graph.last),
            source=self.source,
            statistics=tuple({"prefix_share": share} for share in shares),
            notices=(graph.notices,) * len(values),
        )


def roll_out(graph: AttentionGraph) -> Tensor:
    """Return (B, N): the source's row of the product of all layers, from the top down, as vector times matrix."""
    rows = graph.source.rows(graph.mixed[-1].fused)
    for layer in reversed(graph.mixed):
        rows = layer.pass_down(rows)
    return rows
