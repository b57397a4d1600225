"""open_clip's own vision tower: CLIP's ViT, whose tokens come batch first or second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.layout import Layout, by_token
from vitexplain.networks.network import Pixels
from vitexplain.networks.plain_vit import PlainVit, pair
from vitexplain.networks.refusals import refuse
from vitexplain.networks.transformers_clip import OPENAI
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor

_CROPS = {"shortest": "center", "squash": "squash", "longest": "border"}


@dataclass(frozen=True, eq=False)
class OpenClipVit(PlainVit):
    """A plain ViT around `nn.MultiheadAttention`; its output is an embedding."""

    handles: ClassVar[tuple[str, ...]] = ("open_clip.transformer.VisionTransformer",)
    before: ClassVar[tuple[str, ...]] = ("conv1.", "class_embedding", "positional_embedding", "ln_pre.")
    embedding: ClassVar[str] = "conv1"

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        _ = self.readout, self.heads

    @property
    def pixels(self) -> Pixels:
        """The one size that the network takes."""
        return Pixels(pair(self.module.image_size), pair(self.module.patch_size), False)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(f"transformer.resblocks.{number}" for number in range(len(self.module.transformer.resblocks)))

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        return int(self.module.transformer.resblocks[0].attn.num_heads)

    @property
    def readout(self) -> Readout:
        """The class token, the mean of the patches, or an attention pool with one query."""
        pool = self.module.attn_pool
        if pool is not None:
            if self.module.attn_pool_contrastive is not None or len(pool.query) != 1 or self.module.pool_type != "tok":
                raise refuse(self.module, "its attention pool has more than one query, or comes in two steps")
            return "pool"
        if self.module.pool_type == "none":
            raise refuse(self.module, "it returns its tokens as they are, so that nothing reads them")
        return "mean" if self.module.pool_type == "avg" else "cls"

    @property
    def classes(self) -> int:
        """None: the output is an embedding."""
        return 0

    @property
    def configuration(self) -> Mapping[str, Any]:
        """How open_clip prepares pictures for the tower at its size."""
        return {
            "architecture": "open_clip VisionTransformer",
            "input_size": (3, *pair(self.module.image_size)),
            **prepared_for(self.module),
            "num_classes": 0,
        }

    @property
    def layout(self) -> Layout:
        """(B, N, D), or (N, B, D) in towers of earlier releases."""
        return "BND" if self.module.transformer.batch_first else "NBD"

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the embedding (B, C) for tokens (B, N, D), or (N, B, D), that leave a layer."""
        pooled: Tensor = self.module._pool(by_token(tokens, self.layout))[0]
        return pooled if self.module.proj is None else pooled @ self.module.proj


def prepared_for(tower: Any) -> dict[str, Any]:
    """Return in timm's words how open_clip prepares pictures for a tower: as it keeps with it, or as CLIP does."""
    kept = getattr(tower, "preprocess_cfg", None) or {}
    mean, std = kept.get("mean") or OPENAI[0], kept.get("std") or OPENAI[1]
    return {
        "mean": tuple(mean) if isinstance(mean, list | tuple) else (mean,) * 3,
        "std": tuple(std) if isinstance(std, list | tuple) else (std,) * 3,
        "interpolation": "bilinear" if kept.get("interpolation") == "bilinear" else "bicubic",
        "crop_pct": 1.0,
        "crop_mode": _CROPS[kept.get("resize_mode") or "shortest"],
    }
