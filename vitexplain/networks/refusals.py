"""Why a model is refused: the families that the attention graph does not describe, each with its reason."""

from __future__ import annotations

from vitexplain.errors import ModelError

SUPPORTED = (
    "plain vision transformers of timm (vit, deit, deit3, eva, beit, dinov2, dinov3, siglip, hybrids), of transformers "
    "(vit, deit, beit, dinov2, dinov3, clip, siglip), of torchvision or of open_clip, or timm's swin, pit, pvt_v2, "
    "levit, visformer, maxvit, coatnet, nextvit, caformer, fastvit, efficientformer"
)

_WINDOWS = "its attention stays within windows, so that its tokens do not read the whole image"
_STAGES = "its tokens are merged between stages, so that its layers do not have the same tokens"
_CHANNELS = "its attention is between channels, not between tokens"
_CONVOLUTIONS = "it is a convolutional network: it has no attention"

_REASONS = {
    "cait": "its class token enters in the last layers only, and its heads are mixed before and after the softmax",
    "coat": _STAGES,
    "convit": "its attention is a gated mixture of content and position",
    "crossvit": "it runs two sequences of tokens side by side",
    "davit": _WINDOWS,
    "csatv2": "its convolution blocks weigh each token by a map that all tokens have a part in",
    "deepseek_vit": "how it reads its tokens is not described yet",
    "efficientformer_v2": "its attention mixes heads before and after the softmax",
    "focalnet": "it has no attention",
    "gcvit": _WINDOWS,
    "gemma4_vit": "how it reads its tokens is not described yet",
    "hiera": _STAGES,
    "hieradet_sam2": _WINDOWS,
    "mobilevit": "its attention calls join pictures and places within patches in one dimension, or are linear",
    "mlp_mixer": "it has no attention",
    "mvitv2": _STAGES,
    "naflexvit": "its patches come as a list with positions, which is not described yet",
    "nest": _WINDOWS,
    "qwen3_vit": "how it reads its tokens is not described yet",
    "tiny_vit": _WINDOWS,
    "tnt": "each of its tokens is a transformer of its own",
    "twins": _WINDOWS,
    "vision_transformer_sam": "its attention calls join pictures and heads in one dimension",
    "volo": "its first stage is an outlook attention over neighbourhoods",
    "xcit": _CHANNELS,
    # Families of torchvision and of transformers, by the names of their modules.
    "maxvit": _WINDOWS,
    "segformer": _STAGES,
    "swin": _WINDOWS,
    "swin_transformer": _WINDOWS,
    "swin2sr": _WINDOWS,
    "swinv2": _WINDOWS,
    **dict.fromkeys(
        (
            *("alexnet", "bit", "convnext", "convnextv2", "densenet", "efficientnet", "googlenet", "inception"),
            *("inception_v3", "mnasnet", "mobilenet_v1", "mobilenet_v2", "mobilenetv2", "mobilenetv3", "regnet"),
            *("resnet", "resnetv2", "rexnet", "shufflenetv2", "squeezenet", "vgg", "vovnet", "xception"),
        ),
        _CONVOLUTIONS,
    ),
}
"""Reasons by the name of the module, without what comes before it in transformers ("modeling_")."""


def known_reason(module: str) -> str | None:
    """Return why no model of the module is described, None where nothing is known of it."""
    return _REASONS.get(module.removeprefix("modeling_"))


def refuse(network: object, reason: str | None) -> ModelError:
    """Return the error for a network that is not described; `reason` None: the one known for its family."""
    cls = type(network)
    return refusal(cls.__name__, cls.__module__.rpartition(".")[2], reason)


def refusal(name: str, module: str, reason: str | None = None) -> ModelError:
    """Return the error for the model `name` from the `module` of its library."""
    why = reason or known_reason(module) or "the attention graph does not describe it"
    return ModelError(
        f"model {name}: not supported, {why}: use one of the {SUPPORTED} (vitexplain models lists timm's)"
    )
