"""ConvolvedLayer: a convolution block, whose tokens mix those under the kernel and continue what its shortcut does."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.attention.layer import Mixing
from vitexplain.attention.merging import Merging


@dataclass(frozen=True, eq=False)
class Convolved:
    """Each token above is made of the tokens below under the kernel, in equal shares, and continues others.

    `kernel` says which are under it. `shortcut`: what a token continues, where a stride makes fewer tokens; None: each
    continues itself. A graph of attention looks at no weights of linear maps, here neither.
    """

    kernel: Merging
    shortcut: Merging | None = None

    @property
    def continues(self) -> bool:
        """Yes: each token."""
        return True

    @property
    def call(self) -> None:
        """None: the layer has no attention."""
        return

    def layer(self, fused: Tensor, mixing: Mixing) -> ConvolvedLayer:
        """Return the layer for a batch of as many images as `fused` has: (1 - r) of the kernel, r of the shortcut."""
        like = fused.new_full((len(fused), len(self.kernel.parts)), mixing.residual)
        return ConvolvedLayer(self, like.to(device=mixing.device, dtype=mixing.dtype))

    def attention(self, fused: Tensor) -> ConvolvedLayer:
        """Return the layer without its shortcut: it has no attention, a token's numbers go on to those it mixes."""
        return ConvolvedLayer(self, fused.new_zeros(len(fused), len(self.kernel.parts)))

    def share(self, rows: Tensor) -> Tensor:
        """Return (B, M): the numbers of the tokens above (B, N), shared out among those below that they continue."""
        return rows if self.shortcut is None else self.shortcut.share(rows)


@dataclass(frozen=True, eq=False)
class ConvolvedLayer:
    """A convolution block for a batch; `own` (B, N) is the share of the shortcut, the kernel has the rest."""

    convolved: Convolved
    own: Tensor

    @property
    def matrix(self) -> Tensor:
        """The layer as (B, N, M), made anew each time."""
        each = torch.eye(self.own.size(1), dtype=self.own.dtype, device=self.own.device)
        mixed, continued = self.convolved.kernel.share(each), self.convolved.share(each)
        return (1 - self.own)[..., None] * mixed + self.own[..., None] * continued

    def pass_down(self, rows: Tensor) -> Tensor:
        """Return rows (B, N) times the layer, (B, M)."""
        return self.convolved.kernel.share(rows * (1 - self.own)) + self.convolved.share(rows * self.own)

    def of_image(self, image: int) -> ConvolvedLayer:
        """Return the layer of one image of the batch."""
        return ConvolvedLayer(self.convolved, self.own[image : image + 1])
