"""AttentionGraph: the layers of attention as a layered graph, from the source down to the tokens."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from vitexplain.attention.layer import Layer
from vitexplain.attention.source import Source, resolve_source
from vitexplain.tokens import TokenLayout


@dataclass(frozen=True, eq=False)
class AttentionGraph:
    """Layers `first` to `last` of a batch: an edge from token i above to token j below weighs layers[l][b, i, j].

    The first of `mixed` is the layer nearest the image. The source is a token at the output of the last layer, or
    weights over those tokens; the scores belong to the tokens that enter layer `first`.
    """

    mixed: tuple[Layer, ...]
    first: int
    layout: TokenLayout
    source_name: str
    pool: Tensor | None = None

    @property
    def last(self) -> int:
        """The number of the layer whose output the source stands at."""
        return self.first + len(self.mixed) - 1

    @property
    def layers(self) -> tuple[Tensor, ...]:
        """The layers as matrices (B, N, N), the first nearest the image."""
        return tuple(layer.matrix for layer in self.mixed)

    @property
    def source(self) -> Source:
        """Where rollout and flow start."""
        return resolve_source(self.source_name, self.layout, self.pool)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a reader of the scores must know about this graph."""
        found = []
        if self.first > 1:
            found.append(
                f"the scores are those of the tokens that enter layer {self.first}, which already mix in other patches"
            )
        if self.source_name == "readout" and self.layout.readout == "pool" and self.pool is None:
            found.append(
                f"cut off after layer {self.last}, below the attention pool: starts from the mean of the patches"
            )
        return tuple(found)

    def upto(self, layer: int) -> AttentionGraph:
        """Return the graph cut off after `layer`, with the same source there."""
        if layer == self.last:
            return self
        return AttentionGraph(
            self.mixed[: layer - self.first + 1], self.first, self.layout, self.source_name, pool=None
        )
