"""timm's classifiers around the vision towers of language models: Qwen3-VL and DeepSeek."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.sizes import require_size
from vitexplain.networks.timm_eva import TimmEva
from vitexplain.networks.timm_vit import TimmVit, class_names, unknown_pooling
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class TimmTowers(TimmVit):
    """A plain ViT without prefix tokens inside `encoder`; the mean of its patches is classified."""

    handles: ClassVar[tuple[str, ...]] = (
        "timm.models.qwen3_vit.Qwen3VitClassifier",
        "timm.models.deepseek_vit.DeepseekVitClassifier",
    )
    timm_modules: ClassVar[tuple[str, ...]] = ("qwen3_vit", "deepseek_vit")
    undescribed: ClassVar[Mapping[str, str]] = {
        "*_enc": "it returns features of patches for a language model, no classes",
        "*_merge": "its patches are joined in blocks by an MLP before they are pooled",
        "*_align": "its patches are joined in blocks by an MLP before they are pooled",
    }
    plain_blocks: ClassVar[frozenset[str]] = TimmEva.plain_blocks | {"timm.models.deepseek_vit.DeepseekVitBlock"}
    embedding: ClassVar[str] = "encoder.patch_embed"

    @property
    def _encoder(self) -> Any:
        return self.module.encoder

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        if self.module.encoder_pool:
            raise refuse(self.module, self.undescribed["*_merge"])
        for block in self._encoder.blocks:
            if not self.plain_blocks.intersection(class_names(block)):
                raise refuse(self.module, f"its blocks ({type(block).__name__}) are not plain attention")
        if self._encoder.in_chans != 3:
            raise refuse(self.module, f"it takes pictures of {self._encoder.in_chans} channels instead of 3")

    @property
    def pixels(self) -> Pixels:
        """Any multiple of the patch; positions are rotary, or interpolated."""
        embed = self._encoder.patch_embed
        (rows, cols), (height, width) = embed.patch_size, embed.img_size
        return Pixels((int(height), int(width)), (int(rows), int(cols)), True)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L, all the same; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = height // self.pixels.patch[0], width // self.pixels.patch[1]
        return (TokenGrid(0, rows, cols, class_token=False),) * (len(self.blocks) + 1)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(f"encoder.blocks.{number}" for number in range(len(self._encoder.blocks)))

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(self._encoder.blocks[0].attn.num_heads)

    @property
    def overlapping(self) -> bool:
        """No: a patch sees its own pixels only."""
        return False

    @property
    def readout(self) -> Readout:
        """The mean of the patches."""
        if self.module.global_pool != "avg":
            raise unknown_pooling(self.module)
        return "mean"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a block."""
        norm = getattr(self._encoder, "norm", None)
        normal = tokens if norm is None else norm(tokens)
        return self.output(self.module.forward_head(normal), len(tokens))

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow the blocks."""
        below = ("encoder.patch_embed.", "encoder.pos_embed", *(f"{block}." for block in self.blocks[: layer - 1]))
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if not name.startswith(below))
