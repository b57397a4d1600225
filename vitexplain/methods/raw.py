"""Raw attention: what the source reads in one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from vitexplain.attention import AttentionGraph, discard_smallest, rows_to_shares
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import FusedAttentionOptions, MethodScores, split_patches


@dataclass(frozen=True)
class Raw(FusedAttentionOptions):
    """The source's row of layer B's fused attention, without residual (Abnar & Zuidema 2020, section 3).

    With a source of weights w it is w F_B. B is the last layer by default; A is not used.
    """

    name: ClassVar[str] = "raw"

    def __call__(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch; they sum to 1 over all tokens."""
        _, last = forward_pass.layer_range(self.layers or (forward_pass.layers, forward_pass.layers))
        fused = rows_to_shares(discard_smallest(forward_pass.fused(self.head_fusion, last), self.discard))
        pool = forward_pass.pool if last == forward_pass.layers else None
        graph = AttentionGraph((fused,), last, forward_pass.layout, self.source, pool)
        values = torch.bmm(graph.source.rows(fused)[:, None], fused)[:, 0].cpu().numpy()
        scores, shares = split_patches(values, graph)
        return MethodScores(
            values=scores,
            unit="share of the source's attention",
            layers=(last, last),
            source=self.source,
            statistics=tuple({"prefix_share": share} for share in shares),
            notices=(graph.notices,) * len(values),
        )
