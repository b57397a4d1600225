"""Attention rollout: how much of the source's mixture comes from each patch, summed over all paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vitexplain.attention import LayeredGraph
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import GraphOptions, MethodScores
from vitexplain.methods.token_scores import token_scores
from vitexplain.options import choice


@dataclass(frozen=True)
class Rollout(GraphOptions):
    """Its share in what is read, over all paths of attention.

    Abnar & Zuidema 2020, section 3.1: the source's row of the product of the graph's layers. `rows`: shares, each row
    of a layer is divided by its own sum, or kept, it is not: with gradient fusion, tokens whose attention matters
    little to the class hand on less. Each layer's attention is then divided by its largest row sum, and (1 - r) F + r I
    taken as it is. For mean fusion without discard both are the same.
    """

    name: ClassVar[str] = "rollout"
    rows: str = choice(
        "shares",
        "Whether each row of a layer is divided by its sum (shares), or keeps it (kept): with gradient fusion, "
        "tokens that matter little to the class then hand on less (rollout).",
        words=("shares", "kept"),
    )

    def graph(self, forward_pass: ForwardPass, **extra: Any) -> LayeredGraph:
        """Return the graph that these options describe."""
        return super().graph(forward_pass, kept=self.rows == "kept", **extra)

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; for rows of shares they sum to 1 over all tokens."""
        graph = self.graph(forward_pass)
        return token_scores(
            graph.roll_out(),
            forward_pass,
            graph.first - 1,
            unit="share of the source's mixture" if self.rows == "shares" else "part of the source's mixture",
            layers=(graph.first, graph.last),
            source=self.source,
            notices=graph.notices,
        )
