"""LayeredGraph: the layers of attention between levels of tokens, from the source down; rollout, flow and `graph`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vitexplain.attention.convolved import ConvolvedLayer
from vitexplain.attention.dense import dense_layer
from vitexplain.attention.layer import Layer
from vitexplain.attention.source import Source, resolve_source
from vitexplain.tokens import OF_TOKENS, Readout, TokenGrid

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayeredGraph:
    """Layers `first` to `last` of a batch, the first nearest the image.

    An edge from token i above to token j below weighs matrices[l][b, i, j]. `levels` are the tokens between the layers:
    levels[0] are those that enter layer `first`, to which the scores belong, levels[-1] those at the output of the last
    layer, where the source is: a token, or weights over the tokens. `readout` is what the classifier reads, `pool`
    the rows (B, N) of an attention pool above the last layer.
    """

    layers: tuple[Layer, ...]
    levels: tuple[TokenGrid, ...]
    first: int = 1
    source_name: str = "readout"
    readout: Readout = "cls"
    pool: Tensor | None = None

    @property
    def last(self) -> int:
        """The number of the top layer, at whose output the source is."""
        return self.first + len(self.layers) - 1

    @property
    def grid(self) -> TokenGrid:
        """The tokens at the bottom, to which the scores belong."""
        return self.levels[0]

    @property
    def matrices(self) -> tuple[Tensor, ...]:
        """The layers as matrices (B, N above, N below), the first nearest the image."""
        return tuple(layer.matrix for layer in self.layers)

    @property
    def source(self) -> Source:
        """Where rollout and flow start."""
        return resolve_source(self.source_name, self.levels[-1], self.readout, self.pool)

    @property
    def notices(self) -> tuple[str, ...]:
        """The notices about this graph for a reader of the scores."""
        found = []
        if self.first > 1:
            found.append(f"{OF_TOKENS} layer {self.first}, each of which already holds some of the other patches")
        if self.source_name == "readout" and self.readout == "pool" and self.pool is None:
            found.append(
                f"cut off after layer {self.last}, below the attention pool: starts from the mean of the patches"
            )
        convolutions = sum(isinstance(layer, ConvolvedLayer) for layer in self.layers)
        if convolutions:
            found.append(
                f"{convolutions} of the {len(self.layers)} layers are convolutions: the tokens under the kernel have "
                "equal shares, whatever their weights (see `vitexplain guide stages`)"
            )
        return tuple(found)

    def upto(self, layer: int) -> LayeredGraph:
        """Return the graph cut off after `layer`, with the same source there."""
        if layer == self.last:
            return self
        count = layer - self.first + 1
        return replace(self, layers=self.layers[:count], levels=self.levels[: count + 1], pool=None)

    def roll_out(self) -> Tensor:
        """Return (B, N): the source's row of the product of all layers, over the tokens at the bottom.

        Abnar & Zuidema 2020, section 3.1.
        """
        rows = self.source.rows(self.layers[-1].own)
        for layer in reversed(self.layers):
            rows = layer.pass_down(rows)
        return rows

    def of_image(self, image: int = 0) -> LayeredGraph:
        """Return the graph of one image of the batch, in float64 on the CPU."""
        pool = None if self.pool is None else self.pool[image : image + 1].double().cpu()
        layers = tuple(dense_layer(layer.of_image(image).matrix) for layer in self.layers)
        return replace(self, layers=layers, pool=pool)

    def capacities(self, image: int) -> list[Tensor]:
        """Return the layers of one image as matrices (N above, N below), the first nearest the image."""
        return [layer.of_image(image).matrix[0] for layer in self.layers]

    @cached_property
    def arrays(self) -> tuple[Floats, ...]:
        """The layers of a graph of one image as arrays (N above, N below), the first nearest the image."""
        return tuple(matrix[0].numpy() for matrix in self.matrices)

    @cached_property
    def source_weights(self) -> Floats | None:
        """The edges (N,) from a virtual source to the top tokens, of a graph of one image; None: it is a token."""
        return None if self.source.node is not None else self.start

    @cached_property
    def start(self) -> Floats:
        """The source of a graph of one image as a distribution over the top tokens (N,)."""
        return self.source.rows(self.layers[-1].own)[0].double().numpy()
