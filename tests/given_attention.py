"""A model whose attention is given: its forward pass makes one real attention call for each layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from vitexplain.attention import Everywhere, Fusion, Place
from vitexplain.forward_pass import ForwardPass
from vitexplain.images import Preprocess
from vitexplain.models.loaded import LoadedModel
from vitexplain.networks import Pixels
from vitexplain.networks.described import Described
from vitexplain.tokens import Readout, TokenGrid


class GivenAttention(nn.Module):
    """Attends with softmax(0 + log w) = w for the given weights (L, B, H, N, N) whose rows sum to 1."""

    def __init__(self, weights: Iterable[Tensor], pool: Tensor | None = None) -> None:
        super().__init__()
        self.masks = [layer.log() for layer in weights]
        for number in range(1, len(self.masks) + 1):
            self.add_module(f"layer {number}", nn.Identity())
        if pool is not None:
            self.masks.append(pool[:, None, None].log())

    def forward(self, pixels: Tensor) -> Tensor:
        batch, heads = self.masks[0].shape[:2]
        for mask in self.masks:
            query = torch.zeros(batch, heads, mask.shape[-2], 2, dtype=mask.dtype)
            key = torch.zeros(batch, heads, mask.shape[-1], 2, dtype=mask.dtype)
            functional.scaled_dot_product_attention(query, key, key, attn_mask=mask)
        return pixels.flatten(1)[:, :5]


@dataclass(frozen=True, eq=False)
class GivenNetwork(Described):
    """GivenAttention as a network: levels and readout of our choice, nothing to classify with."""

    grids: tuple[TokenGrid, ...] = ()
    readout: Readout = "cls"

    handles: ClassVar[tuple[str, ...]] = ()
    embedding: ClassVar[str] = ""
    overlapping: ClassVar[bool] = False
    classes: ClassVar[int] = 5
    heads: ClassVar[int] = 2
    pixels: ClassVar[Pixels] = Pixels((8, 8), (4, 4), False)
    configuration: ClassVar[Mapping[str, Any]] = {}

    def embeds(self, outputs: int) -> bool:  # noqa: ARG002 - classes, however many
        return False

    def check(self) -> None:
        """Find nothing wrong."""

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:  # noqa: ARG002 - whatever the size
        return self.grids

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        above, below = levels[layer].tokens, levels[layer - 1].tokens
        skip = None if above == below else torch.eye(above, below, dtype=torch.float64)
        return Everywhere(above, below, skip)

    @property
    def blocks(self) -> tuple[str, ...]:
        return tuple(f"layer {number}" for number in range(1, len(self.grids)))

    def by_patch(self, embeddings: Tensor) -> Tensor:
        raise NotImplementedError

    def classify(self, tokens: Tensor) -> Tensor:
        raise NotImplementedError

    def parameters_above(self, layer: int) -> frozenset[str]:
        raise NotImplementedError


def forward_pass(
    weights: npt.NDArray[np.float64],
    grid: TokenGrid,
    fusions: Iterable[Fusion],
    pool: npt.NDArray[np.float64] | None = None,
    readout: Readout = "cls",
) -> ForwardPass:
    """Return a forward pass with the given attention (L, B, H, N, N) in float64."""
    return between([torch.from_numpy(layer) for layer in weights], (grid,) * (len(weights) + 1), fusions, pool, readout)


def between(
    weights: list[Tensor],
    levels: tuple[TokenGrid, ...],
    fusions: Iterable[Fusion],
    pool: npt.NDArray[np.float64] | None = None,
    readout: Readout = "cls",
) -> ForwardPass:
    """Return a forward pass with the given attention, a layer (B, H, N above, N below) between two levels."""
    given = GivenAttention(weights, None if pool is None else torch.from_numpy(pool))
    preprocess = Preprocess((8, 8), 1.0, "center", "bicubic", (0.5,) * 3, (0.5,) * 3, (4, 4), False)
    network = GivenNetwork(given, levels, readout)
    model = LoadedModel(network, "given", "test", preprocess, None, 5, torch.device("cpu"), torch.float64)
    batch = len(weights[0])
    pixels = torch.zeros(batch, 3, 8, 8, dtype=torch.float64)
    return ForwardPass(model, pixels, fusions, tuple(f"image {index}" for index in range(batch)))
