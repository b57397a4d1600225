"""FromPixels: a module behind one that hands its pixels on, so that pixels are seen as patch embeddings elsewhere."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class FromPixels(nn.Module):
    """The module as it is; what enters it comes out of `pixels` first, a part that methods can watch."""

    def __init__(self, network: Any) -> None:
        """Take the module that a library built."""
        super().__init__()
        self.pixels = nn.Identity()
        self.network = network
        self.training = network.training

    def forward(self, pixels: Tensor) -> Any:
        """Return what the module makes of pixels (B, 3, H, W)."""
        return self.network(self.pixels(pixels))
