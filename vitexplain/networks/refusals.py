"""Why a model is refused: the families that the attention graph does not describe, each with its reason."""

from __future__ import annotations

from vitexplain.errors import ModelError

SUPPORTED = "plain vision transformers of timm: vit, deit, deit3, eva, beit, dinov2, dinov3, siglip, hybrids"

_WINDOWS = "its attention stays within windows, so that its tokens do not read the whole image"
_STAGES = "its tokens are merged between stages, so that its layers do not have the same tokens"
_CHANNELS = "its attention is between channels, not between tokens"

_REASONS = {
    "cait": "its class token enters in the last layers only, and its heads are mixed before and after the softmax",
    "coat": _STAGES,
    "convit": "its attention is a gated mixture of content and position",
    "crossvit": "it runs two sequences of tokens side by side",
    "davit": _WINDOWS,
    "deepseek_vit": "how it reads its tokens is not described yet",
    "focalnet": "it has no attention",
    "gcvit": _WINDOWS,
    "gemma4_vit": "how it reads its tokens is not described yet",
    "hiera": _STAGES,
    "hieradet_sam2": _WINDOWS,
    "levit": _STAGES,
    "maxxvit": _WINDOWS,
    "mlp_mixer": "it has no attention",
    "mvitv2": _STAGES,
    "naflexvit": "its patches come as a list with positions, which is not described yet",
    "nest": _WINDOWS,
    "pit": _STAGES,
    "pvt_v2": _STAGES,
    "qwen3_vit": "how it reads its tokens is not described yet",
    "swin_transformer": _WINDOWS,
    "swin_transformer_v2": _WINDOWS,
    "swin_transformer_v2_cr": _WINDOWS,
    "tiny_vit": _WINDOWS,
    "tnt": "each of its tokens is a transformer of its own",
    "twins": _WINDOWS,
    "vision_transformer_sam": _WINDOWS,
    "visformer": _STAGES,
    "volo": "its first stage is an outlook attention over neighbourhoods",
    "xcit": _CHANNELS,
}


def refuse(network: object, reason: str | None) -> ModelError:
    """Return the error for a network that is not described; `reason` None: the one known for its family."""
    cls = type(network)
    return refusal(cls.__name__, cls.__module__.rpartition(".")[2], reason)


def refusal(name: str, module: str, reason: str | None = None) -> ModelError:
    """Return the error for the model `name` from timm's `module`."""
    why = reason or _REASONS.get(module, "the attention graph does not describe it")
    return ModelError(f"model {name}: not supported, {why}: use one of the {SUPPORTED} (vitexplain models lists them)")
