"""timm's VisionTransformer: vit, deit3, dinov2, siglip, hybrids, vitamin; the base of timm's other plain ViTs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.errors import ModelError
from vitexplain.networks.described import Described
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import refuse
from vitexplain.networks.sizes import require_size
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

_CONTRASTIVE = re.compile(r"clip|vit_pe_core")
_PROJECTIONS = frozenset((384, 512, 640, 768, 1024, 1152, 1280))
"""Widths of the embeddings of CLIP and its like; SigLIP has no projection."""
_DIFFERENCE = "its attention is the difference of two softmaxes"


@dataclass(frozen=True, eq=False)
class TimmVit(Described):
    """A plain vision transformer of timm: `patch_embed`, `blocks`, `norm` and `forward_head`."""

    handles: ClassVar[tuple[str, ...]] = ("timm.models.vision_transformer.VisionTransformer",)
    timm_modules: ClassVar[tuple[str, ...]] = ("vision_transformer", "vision_transformer_hybrid", "vitamin")
    undescribed: ClassVar[Mapping[str, str]] = {
        "vit_*_18x2_*": "its blocks hold two attentions side by side",
        "vit_dlittle_*": _DIFFERENCE,
        "vit_dpwee_*": _DIFFERENCE,
        "vit_dwee_*": _DIFFERENCE,
    }
    plain_blocks: ClassVar[frozenset[str]] = frozenset(
        f"timm.models.vision_transformer.{name}" for name in ("Block", "ResPostBlock", "ParallelScalingBlock")
    )
    """Blocks with one softmax attention over all tokens and a skip connection past it."""
    embedding: ClassVar[str] = "patch_embed"

    def embeds(self, outputs: int) -> bool:
        """Whether the outputs are what the classifier would read, or a projection as CLIP was trained with.

        The latter has a name of CLIP, one of the usual widths, and a layer whose bias is nothing but 0: a classifier
        that was trained has another.
        """
        head: Any = getattr(self.module, "head", None)
        if _is_identity(head):
            return outputs == int(self.module.num_features)
        names = [str(self.configuration.get(key) or "") for key in ("architecture", "tag")]
        if not _CONTRASTIVE.search(".".join(names)) or outputs not in _PROJECTIONS:
            return False
        bias = getattr(head, "bias", None)
        bias = bias() if callable(bias) else bias  # quantised layers have a method
        return getattr(head, "out_features", None) == outputs and (bias is None or not bool(bias.any()))

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        for block in getattr(self.module, "blocks", ()):
            if not self.plain_blocks.intersection(class_names(block)):
                name = type(block).__name__
                raise refuse(self.module, f"its blocks ({name}) are not plain attention with a skip connection")
            if "Diff" in type(getattr(block, "attn", None)).__name__:
                raise refuse(self.module, _DIFFERENCE)
        _ = self.pixels
        embed: Any = self.module.get_submodule(self.embedding)
        first: Any = next((module for module in embed.modules() if hasattr(module, "in_channels")), None)
        if first is not None and first.in_channels != 3:
            raise refuse(self.module, f"it takes pictures of {first.in_channels} channels instead of 3")

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L, all the same; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = self.module.patch_embed.dynamic_feat_size((height, width))
        prefix = int(getattr(self.module, "num_prefix_tokens", 0))
        has_class_token = getattr(self.module, "cls_token", None) is not None
        return (TokenGrid(prefix, int(rows), int(cols), has_class_token),) * (len(self.blocks) + 1)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return embeddings.flatten(1, -2)

    @property
    def pixels(self) -> Pixels:
        """The sizes that the network takes; any multiple of the patch where positions are interpolated."""
        embed = self.module.patch_embed
        patch, built_for = embed.feat_ratio(as_scalar=False), embed.img_size
        return Pixels(
            built_for=None if built_for is None else (int(built_for[0]), int(built_for[1])),
            patch=(int(patch[0]), int(patch[1])),
            flexible=self._flexible,
        )

    @property
    def _flexible(self) -> bool:
        return bool(self.module.dynamic_img_size)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks."""
        return tuple(f"blocks.{number}" for number in range(len(list(self.module.blocks.children()))))

    @property
    def heads(self) -> int:
        """Number of attention heads."""
        block: Any = self.module.blocks[0]
        return int(getattr(block, "attn", block).num_heads)  # a parallel block attends by itself

    @property
    def readout(self) -> Readout:
        """What `forward_head` pools."""
        if getattr(self.module, "attn_pool", None) is not None:
            return pool_readout(self.module)
        if self.module.global_pool == "token":
            return "cls"
        if self.module.global_pool == "avg":
            everything = self.module.pool_include_prefix and self.module.num_prefix_tokens > 0
            return "mean-all" if everything else "mean"
        raise unknown_pooling(self.module)

    @property
    def overlapping(self) -> bool:
        """Whether a convolutional network comes before the patches, so that each of them sees its neighbours."""
        return hasattr(self.module.patch_embed, "backbone")

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier that timm built; 0: there is none, or another in its place."""
        head: Any = getattr(self.module, "head", None)
        said = int(getattr(self.module, "num_classes", 0) or 0)
        return said if getattr(head, "out_features", None) == said else 0

    @property
    def configuration(self) -> Mapping[str, Any]:
        """timm's pretrained configuration."""
        found: Mapping[str, Any] = getattr(self.module, "pretrained_cfg", None) or {}
        return found

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens (B, N, D) that leave a block."""
        return self.output(self.module.forward_head(self.module.norm(tokens)), len(tokens))

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow the blocks."""
        parts = [name for name, _ in self.module.named_children()]
        after = tuple(f"{part}." for part in parts[parts.index("blocks") + 1 :])
        upper = tuple(f"{block}." for block in self.blocks[layer - 1 :])
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if name.startswith((*after, *upper)))


def _is_identity(module: object) -> bool:
    return "torch.nn.modules.linear.Identity" in class_names(module)


def class_names(module: object) -> list[str]:
    """Return the names of a module's class and of those it inherits from, "package.module.Class"."""
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(module).__mro__]


def pool_readout(module: Any) -> Readout:
    """Return "pool" for an attention pool with one latent query; ModelError for another kind of pool."""
    pool = module.attn_pool
    if type(pool).__name__ != "AttentionPoolLatent" or getattr(pool, "latent_len", 1) != 1:
        raise refuse(module, f"its pooling ({type(pool).__name__}) is not an attention pool with one query")
    return "pool"


def token_or_mean(module: Any) -> Readout:
    """Return the readout of a module whose `global_pool` is the class token or the mean of the patches."""
    if module.global_pool == "avg":
        return "mean"
    if module.global_pool == "token":
        return "cls"
    raise unknown_pooling(module)


def unknown_pooling(module: Any) -> ModelError:
    """Return the error for a module whose pooling is not a weighted sum of tokens."""
    kind = module.global_pool or "none"
    return refuse(module, f"it pools by {kind!r}, which is not a weighted sum of tokens")
