"""Token layouts: which families of networks the attention graph describes, and what their classifiers read.

Adding a family is one entry in FAMILIES (and its blocks in BLOCKS). What a network computes is checked once more
when its attention is captured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitexplain.errors import ModelError, UsageError
from vitexplain.models.refusals import SUPPORTED, refuse
from vitexplain.tokens import Readout, TokenLayout

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Family:
    """How one class of networks is read: `readout` and `flexible` take the network."""

    readout: Callable[[Any], Readout]
    flexible: Callable[[Any], bool]


@dataclass(frozen=True)
class Pixels:
    """The sizes that a network takes, in pixels as (height, width); `built_for` None: no size of its own.

    A network for one size only may leave a rest of less than a patch out at the right and the bottom.
    """

    built_for: tuple[int, int] | None
    patch: tuple[int, int]
    flexible: bool


def _vit_readout(network: Any) -> Readout:
    pool = getattr(network, "attn_pool", None)
    if pool is not None:
        return _pool_readout(network, pool)
    if network.global_pool == "token":
        return "cls"
    if network.global_pool == "avg":
        everything = network.pool_include_prefix and network.num_prefix_tokens > 0
        return "mean-all" if everything else "mean"
    raise _unknown_pooling(network)


def _eva_readout(network: Any) -> Readout:
    pool = getattr(network, "attn_pool", None)
    if pool is not None:
        return _pool_readout(network, pool)
    return _token_or_mean(network)


def _token_or_mean(network: Any) -> Readout:
    if network.global_pool == "avg":
        return "mean"
    if network.global_pool == "token":
        return "cls"
    raise _unknown_pooling(network)


def _pool_readout(network: Any, pool: Any) -> Readout:
    """An attention pool with one latent query over all tokens, or over the patches."""
    if type(pool).__name__ != "AttentionPoolLatent" or getattr(pool, "latent_len", 1) != 1:
        raise refuse(network, f"its head ({type(pool).__name__}) is no attention pool with one query")
    return "pool"


def _unknown_pooling(network: Any) -> ModelError:
    kind = network.global_pool or "none"
    return refuse(network, f"its head pools by {kind!r}, which is no weighted sum of tokens")


def _dynamic(network: Any) -> bool:
    return bool(network.dynamic_img_size)


def _never(_network: Any) -> bool:
    return False


_TIMM = "timm.models."

FAMILIES = {
    _TIMM + "vision_transformer.VisionTransformer": Family(_vit_readout, _dynamic),
    _TIMM + "deit.VisionTransformerDistilled": Family(lambda _: "distilled", _dynamic),
    _TIMM + "eva.Eva": Family(_eva_readout, _dynamic),
    _TIMM + "beit.Beit": Family(_token_or_mean, _never),
    _TIMM + "vision_transformer_relpos.VisionTransformerRelPos": Family(_token_or_mean, _never),
}
"""The networks that are described, by module and class; a user's subclass is read like its parent."""

BLOCKS = {
    _TIMM + "vision_transformer.Block",
    _TIMM + "vision_transformer.ResPostBlock",
    _TIMM + "vision_transformer.ParallelScalingBlock",
    _TIMM + "eva.EvaBlock",
    _TIMM + "eva.EvaBlockPostNorm",
    _TIMM + "beit.Block",
    _TIMM + "vision_transformer_relpos.RelPosBlock",
    _TIMM + "vision_transformer_relpos.ResPostRelPosBlock",
}
"""Blocks with one softmax attention over all tokens and a skip connection past it."""


def check_supported(network: torch.nn.Module) -> None:
    """Raise ModelError with the reason if the attention graph does not describe the network."""
    family = _family(network)
    for block in getattr(network, "blocks", ()):
        if not any(name in BLOCKS for name in _names(block)):
            raise refuse(network, f"its blocks ({type(block).__name__}) are no plain attention with a skip connection")
        if "Diff" in type(getattr(block, "attn", None)).__name__:
            raise refuse(network, "its attention is the difference of two softmaxes")
    family.readout(network)
    pixels_of(network)
    first: Any = next((m for m in network.get_submodule("patch_embed").modules() if hasattr(m, "in_channels")), None)
    if first is not None and first.in_channels != 3:
        raise refuse(network, f"it takes pictures of {first.in_channels} channels instead of 3")


def pixels_of(network: torch.nn.Module) -> Pixels:
    """Return the sizes that a supported network takes."""
    family = _family(network)
    embed: Any = network.patch_embed
    patch = embed.feat_ratio(as_scalar=False)
    built_for = embed.img_size
    return Pixels(
        built_for=None if built_for is None else (int(built_for[0]), int(built_for[1])),
        patch=(int(patch[0]), int(patch[1])),
        flexible=family.flexible(network),
    )


def layout_of(network: torch.nn.Module, height: int, width: int) -> TokenLayout:
    """Return the layout of the tokens for pixels (B, 3, height, width).

    ModelError: not a network that the graph describes; UsageError: a size that it does not take.
    """
    readout = _family(network).readout(network)
    pixels = pixels_of(network)
    if not pixels.flexible and pixels.built_for not in (None, (height, width)):
        assert pixels.built_for is not None
        taken = f"{pixels.built_for[0]} x {pixels.built_for[1]}"
        raise UsageError(f"pixels of {height} x {width}: this model takes {taken} only: use its own size")
    patch_height, patch_width = pixels.patch
    whole = not pixels.flexible or (height % patch_height == 0 and width % patch_width == 0)
    if height < patch_height or width < patch_width or not whole:
        raise UsageError(
            f"pixels of {height} x {width}: expected multiples of the patch, {patch_height} x {patch_width}"
        )
    embed: Any = network.patch_embed
    rows, cols = embed.dynamic_feat_size((height, width))
    prefix = int(getattr(network, "num_prefix_tokens", 0))
    has_class_token = getattr(network, "cls_token", None) is not None
    return TokenLayout(prefix, int(rows), int(cols), readout, has_class_token)


def is_hybrid(network: torch.nn.Module) -> bool:
    """Return whether a convolutional network comes before the patches, so that each of them sees its neighbours."""
    return hasattr(getattr(network, "patch_embed", None), "backbone")


def _family(network: torch.nn.Module) -> Family:
    for name in _names(network):
        if name in FAMILIES:
            return FAMILIES[name]
    raise refuse(network, None)


def _names(module: object) -> list[str]:
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in type(module).__mro__]


__all__ = [
    "BLOCKS",
    "FAMILIES",
    "SUPPORTED",
    "Family",
    "Pixels",
    "check_supported",
    "is_hybrid",
    "layout_of",
    "pixels_of",
]
