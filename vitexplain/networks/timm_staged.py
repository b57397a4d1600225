"""TimmStaged: what timm's transformers in stages have in common, whose levels have fewer tokens from stage to stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.described import Described
from vitexplain.networks.layout import by_token
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.shifted_windows import halved
from vitexplain.networks.sizes import require_size
from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TimmStaged(Described):
    """A module of timm with `patch_embed`, stages of blocks, `norm` and `forward_head`.

    An adapter adds its levels, its blocks with their places, and what the classifier reads.
    """

    embedding: ClassVar[str] = "patch_embed"

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the modules whose outputs are the tokens of levels 1 to L."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ModelError for a network of pictures that are not RGB."""
        embed = self.module.get_submodule(self.embedding)
        first: Any = next((part for part in embed.modules() if hasattr(part, "in_channels")), None)
        if first is not None and first.in_channels != 3:
            raise refuse(self.module, f"it takes pictures of {first.in_channels} channels instead of 3")

    def embeds(self, outputs: int) -> bool:
        """Whether the outputs are what the classifier would read."""
        return self.classes == 0 and outputs == int(self.module.num_features)

    @property
    def pixels(self) -> Pixels:
        """The sizes that the network takes; any multiple of the patch where it was built for that."""
        embed = self.module.patch_embed
        (height, width), (rows, cols) = embed.img_size, embed.patch_size
        return Pixels((int(height), int(width)), (int(rows), int(cols)), not getattr(embed, "strict_img_size", True))

    def first_grid(self, height: int, width: int) -> TokenGrid:
        """Return the tokens of level 0; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = height // self.pixels.patch[0], width // self.pixels.patch[1]
        return TokenGrid(0, rows, cols, class_token=False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L: half the rows and columns, rounded up, above each `downsample`."""
        grids = [self.first_grid(height, width)]
        for name in self.blocks:
            below = grids[-1]
            grids.append(halved(below) if name.endswith(".downsample") else below)
        return tuple(grids)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return embeddings.flatten(1, -2)

    @property
    def overlapping(self) -> bool:
        """No: a patch sees its own pixels only."""
        return False

    @property
    def classes(self) -> int:
        """Number of classes of the classifier that timm built; 0: there is none, or another in its place."""
        said = int(getattr(self.module, "num_classes", 0) or 0)
        return said if getattr(self.module.get_classifier(), "out_features", None) == said else 0

    @property
    def configuration(self) -> Mapping[str, Any]:
        """timm's pretrained configuration."""
        found: Mapping[str, Any] = getattr(self.module, "pretrained_cfg", None) or {}
        return found

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block."""
        return self.output(self.module.forward_head(self.module.norm(tokens)), len(tokens))

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow the blocks."""
        lower = tuple(f"{name}." for name in (self.embedding, *self.blocks[: layer - 1]))
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if not name.startswith(lower))


@dataclass(frozen=True, eq=False)
class TimmConvolved(TimmStaged):
    """One whose embedding is a map of overlapping patches, or of patches behind convolutions."""

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return by_token(embeddings, "BDHW")

    @property
    def overlapping(self) -> bool:
        """Yes: a patch sees pixels of its neighbours, too."""
        return True
