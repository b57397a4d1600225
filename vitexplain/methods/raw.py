"""Raw attention: what the source reads in one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import FusedAttentionOptions, MethodScores
from vitexplain.methods.token_scores import token_scores


@dataclass(frozen=True)
class Raw(FusedAttentionOptions):
    """How much the class token attends to it in the last layer.

    Abnar & Zuidema 2020, section 3: the source's row of layer B's fused attention, without residual. With a source of
    weights w it is w F_B. B is the last layer by default; A is not used.
    """

    name: ClassVar[str] = "raw"

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; they sum to 1 over all tokens."""
        _, last = forward_pass.layer_range(self.layers or (forward_pass.layers, forward_pass.layers))
        graph = forward_pass.graph(
            self.head_fusion, residual=0.0, discard=self.discard, source=self.source, layers=(last, last)
        )
        return token_scores(
            graph.roll_out(),
            forward_pass,
            graph.first - 1,
            unit="share of the source's attention",
            layers=(last, last),
            source=self.source,
            notices=graph.notices if self.layers else (),
        )
