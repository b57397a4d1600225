"""A model whose attention is given: its forward pass makes one real attention call for each layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from vitexplain.attention import Fusion
from vitexplain.forward_pass import ForwardPass
from vitexplain.images import Preprocess
from vitexplain.models.loaded import LoadedModel
from vitexplain.tokens import TokenLayout


class GivenAttention(nn.Module):
    """Attends with softmax(0 + log w) = w for the given weights (L, B, H, N, N) whose rows sum to 1."""

    def __init__(self, weights: Tensor, pool: Tensor | None = None) -> None:
        super().__init__()
        self.masks = [layer.log() for layer in weights]
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
class GivenModel(LoadedModel):
    """A LoadedModel around GivenAttention with a layout of our choice."""

    given_layout: TokenLayout | None = None

    def layout(self, height: int, width: int) -> TokenLayout:  # noqa: ARG002 - whatever the size
        assert self.given_layout
        return self.given_layout


def forward_pass(
    weights: npt.NDArray[np.float64],
    layout: TokenLayout,
    fusions: Iterable[Fusion],
    pool: npt.NDArray[np.float64] | None = None,
) -> ForwardPass:
    """Return a forward pass with the given attention (L, B, H, N, N) in float64."""
    given = GivenAttention(torch.from_numpy(weights), None if pool is None else torch.from_numpy(pool))
    preprocess = Preprocess((8, 8), 1.0, "center", "bicubic", (0.5,) * 3, (0.5,) * 3, (4, 4), False)
    cpu = torch.device("cpu")
    model = GivenModel(given, "given", "test", preprocess, None, 5, cpu, torch.float64, given_layout=layout)
    batch = weights.shape[1]
    pixels = torch.zeros(batch, 3, 8, 8, dtype=torch.float64)
    return ForwardPass(model, pixels, fusions, tuple(f"image {index}" for index in range(batch)))
