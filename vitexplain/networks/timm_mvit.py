"""timm's MViT v2: queries, keys and values pooled by convolution; pooled queries are added to what they read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.merged_patches import beside_itself, convolved
from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import pair
from vitexplain.networks.refusals import refuse
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_staged import TimmStaged
from vitexplain.networks.timm_vit import unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from vitexplain.attention import Place

_Pool = tuple[int, int, int]
"""(kernel, stride, padding) of a pool or a convolution."""


@dataclass(frozen=True, eq=False)
class TimmMvit(TimmStaged):
    """Li et al. 2022, "MViTv2", section 3.1: every query reads all pooled keys, and is added to what it reads."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.mvitv2.MultiScaleVit",)
    timm_modules: ClassVar[tuple[str, ...]] = ("mvitv2",)

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        super().check()
        for name in self.blocks:
            block: Any = self.module.get_submodule(name)
            attention = block.attn
            if not hasattr(attention, "qkv") or not attention.residual_pooling or attention.rel_pos_type != "spatial":
                raise refuse(self.module, "its blocks are not those of MViT v2")
            pools = (attention.pool_q, attention.pool_k, attention.pool_v, block.shortcut_pool_attn)
            if any(_square(pool) is None for pool in pools) or _square(pools[1]) != _square(pools[2]):
                raise refuse(self.module, "its pools are no squares, or not the same for keys and values")
            if _square(pools[0])[1] > 1 and _square(pools[0]) != _square(pools[3]):  # type: ignore[index]
                raise refuse(self.module, "its queries and its tokens are pooled differently")

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(
            f"stages.{stage}.blocks.{name}"
            for stage, part in enumerate(self.module.stages)
            for name, _ in part.blocks.named_children()
        )

    @property
    def pixels(self) -> Pixels:
        """The one size that the network takes: that of its relative positions."""
        side, patch = (self._attention(self.blocks[0]).rel_pos_h.size(0) + 1) // 2, self.module.patch_embed.proj.stride
        return Pixels((side * int(patch[0]), side * int(patch[1])), pair(patch), False)

    def _attention(self, name: str) -> Any:
        return self.module.get_submodule(name).attn

    @property
    def overlapping(self) -> bool:
        """Yes: a patch sees pixels of its neighbours, too."""
        return True

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = height // self.pixels.patch[0], width // self.pixels.patch[1]
        prefix = int(self.module.num_prefix_tokens)
        grids = [TokenGrid(prefix, rows, cols, class_token=prefix > 0)]
        for name in self.blocks:
            kernel, stride, padding = _square(self._attention(name).pool_q) or (1, 1, 0)
            rows, cols = ((side + 2 * padding - kernel) // stride + 1 for side in (rows, cols))
            grids.append(TokenGrid(prefix, rows, cols, class_token=prefix > 0))
        return tuple(grids)

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return the pooled keys of a block, and what its tokens are made of."""
        from vitexplain.attention import PooledKeys

        below, attention = levels[layer - 1], self._attention(self.blocks[layer - 1])
        keys, queries = (_square(pool) or (1, 1, 0) for pool in (attention.pool_k, attention.pool_q))
        pooled = queries[1] > 1
        skip = convolved(below, *queries) if pooled else beside_itself(below, queries[0], queries[2])
        return PooledKeys(convolved(below, *keys), skip=skip)

    @property
    def heads(self) -> int:
        """Number of attention heads of the stage that has the fewest."""
        return min(int(self._attention(name).num_heads) for name in self.blocks)

    @property
    def readout(self) -> Readout:
        """The mean of the last stage's patches, or its class token."""
        pooling = self.module.global_pool
        if pooling not in ("avg", "token"):
            raise unknown_pooling(self.module)
        return "mean" if pooling == "avg" else "cls"


def _square(pool: Any) -> _Pool | None:
    """Return a pool's numbers; that of no pool is (1, 1, 0); None: it has others for rows and columns."""
    if pool is None:
        return 1, 1, 0
    numbers = [pair(each) for each in (pool.kernel_size, pool.stride, pool.padding)]
    (kernel, stride, padding) = (each[0] for each in numbers)
    return (kernel, stride, padding) if all(each[0] == each[1] for each in numbers) else None
