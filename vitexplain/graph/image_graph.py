"""ImageGraph: the attention graph of one image of a batch, as float64 arrays on the CPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vitexplain.attention import AttentionGraph
from vitexplain.tokens import TokenLayout

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageGraph:
    """Layers `first` to `last` of one image: an edge from token i above to token j below weighs layers[l][i, j].

    `layers[0]` is the one nearest the image; level 0 are the tokens that enter it, level L those at the output of the
    top layer. The source is the token `source` of level L, or, where that is None, a virtual node above it with edges
    of `source_weights` (N,).
    """

    layers: tuple[Floats, ...]
    first: int
    layout: TokenLayout
    source: int | None
    source_weights: Floats | None

    @property
    def last(self) -> int:
        """The number of the top layer."""
        return self.first + len(self.layers) - 1

    @property
    def start(self) -> Floats:
        """The source as a distribution over the tokens of level L (N,)."""
        if self.source_weights is not None:
            return self.source_weights
        start = np.zeros(self.layers[-1].shape[0])
        start[self.source] = 1.0
        return start

    @property
    def edge_count(self) -> int:
        """Number of edges, those of a virtual source included; an entry of 0 is no edge."""
        virtual = 0 if self.source_weights is None else int(np.count_nonzero(self.source_weights))
        return virtual + sum(int(np.count_nonzero(layer)) for layer in self.layers)

    @property
    def path_count(self) -> float:
        """Number of paths from the source to a patch, as a float: it may have 30 digits."""
        counts = (self.start > 0).astype(np.float64)
        for layer in reversed(self.layers):
            counts = counts @ (layer > 0)
        return float(counts[self.layout.prefix :].sum())

    def patch_of(self, token: int) -> tuple[int, int] | None:
        """Return (row, col) of a patch's token, None for a prefix token."""
        if token < self.layout.prefix:
            return None
        return divmod(token - self.layout.prefix, self.layout.cols)


def image_graph(graph: AttentionGraph) -> ImageGraph:
    """Return the graph of the only image of a batch, or the first."""
    source = graph.source
    weights = None if source.node is not None else source.rows(graph.layers[-1])[0]
    return ImageGraph(
        layers=tuple(layer[0].double().cpu().numpy() for layer in graph.layers),
        first=graph.first,
        layout=graph.layout,
        source=source.node,
        source_weights=None if weights is None else weights.double().cpu().numpy(),
    )
