"""Why a model is refused: the families that the attention graph does not describe, each with its reason."""

from __future__ import annotations

from vitexplain.errors import ModelError

SUPPORTED = (
    "plain vision transformers of timm (vit, deit, deit3, eva, beit, dinov2, dinov3, siglip, naflexvit, hybrids), of "
    "transformers (vit, deit, beit, dinov2, dinov3, clip, siglip), of torchvision or of open_clip, or swin of timm, "
    "transformers or torchvision, or timm's pit, convit, mvitv2, hiera, twins, pvt_v2, levit, visformer, maxvit, "
    "coatnet, nextvit, caformer, fastvit, efficientformer, qwen3_vit, deepseek_vit"
)

_WINDOWS = "its attention stays within windows, so that its tokens do not read the whole image"
_STAGES = "its tokens are merged between stages, so that its layers do not have the same tokens"
_CHANNELS = "its attention is between channels, not between tokens"
_NONE = "it has no attention"
_LINEAR = "its attention is linear: its tokens do not read each other one by one"
_PARTS = "its attention is a part of stages that convolve"
_CONVOLUTIONS = "it is a convolutional network: it has no attention"

_CONVOLUTIONAL = """
alexnet bit byobnet convnext convnextv2 cspnet cspnext densenet dla dpn efficientnet fasternet ghostnet googlenet
hardcorenas hgnet hrnet inception inception_resnet_v2 inception_v3 inception_v4 lcnetv2 mnasnet mobilenet_v1
mobilenet_v2 mobilenetv2 mobilenetv3 nasnet nfnet pnasnet rdnet regnet repghost repvit res2net resnest resnet resnetv2
rexnet selecsls senet shufflenetv2 sknet squeezenet starnet tresnet vgg vovnet xception xception_aligned
"""

_OF_TIMM = {
    "cait": "its class token enters in the last layers only, and its heads are mixed before and after the softmax",
    "coat": "its softmax is over the tokens in each channel of the keys: tokens do not read each other one by one",
    "convmixer": _NONE,
    "cpubone": _PARTS,
    "crossvit": "it runs two sequences of tokens side by side",
    "csatv2": "its convolution blocks weigh each token by a map that all tokens have a part in",
    "davit": "its attention is within windows and between channels by turns",
    "deepseek_vit": "its patches are joined in blocks by an MLP before they are pooled, or it has no classifier",
    "edgenext": _CHANNELS,
    "efficientformer_v2": "its attention mixes heads before and after the softmax",
    "efficientvim": "its tokens pass a state space",
    "efficientvit_mit": _LINEAR,
    "efficientvit_msra": "each of its attention heads reads what the one before it made",
    "focalnet": _NONE,
    "gcvit": "its windows are read by queries that all tokens have a part in",
    "gemma4_vit": "how it reads its tokens is not described yet",
    "iformer": _PARTS,
    "inception_next": _NONE,
    "lowformer": _PARTS,
    "mambaout": _NONE,
    "maxxvit": "its blocks attend in two ways side by side",
    "metaformer": "its blocks mix tokens by pooling, convolutions or attention",
    "mlp_mixer": _NONE,
    "mobilenetv5": _PARTS,
    "mobilevit": "its attention calls join pictures and places within patches in one dimension, or are linear",
    "nest": _WINDOWS,
    "qwen3_vit": "its patches are joined in blocks by an MLP before they are pooled, or it has no classifier",
    "sequencer": "its tokens are read by recurrent networks",
    "shvit": _PARTS,
    "swiftformer": _LINEAR,
    "tiny_vit": "a convolution in each block mixes tokens across its windows",
    "tnt": "each of its tokens is a transformer of its own",
    "vision_transformer_sam": "its attention calls join pictures and heads in one dimension",
    "volo": "its first stage is an outlook attention over neighbourhoods",
    "xcit": _CHANNELS,
}
"""Reasons by the name of timm's module; methods that need no graph explain these families."""

_REASONS = {
    **_OF_TIMM,
    "byoanet": _PARTS,
    # Families of torchvision and of transformers, by the names of their modules.
    "maxvit": _WINDOWS,
    "segformer": _STAGES,
    "swin2sr": _WINDOWS,
    **dict.fromkeys(_CONVOLUTIONAL.split(), _CONVOLUTIONS),
}
"""Reasons by the name of the module, without what comes before it in transformers ("modeling_")."""


def graphless_modules() -> tuple[str, ...]:
    """Return the modules of timm whose models are explained by methods that need no graph."""
    return tuple(_OF_TIMM)


def graphless_reason(module: str) -> str | None:
    """Return why no attention graph describes the models of a module of timm's that are explained without one."""
    return _OF_TIMM.get(module)


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
    error = ModelError(
        f"model {name}: not supported, {why}: use one of the {SUPPORTED} (vitexplain models lists timm's)"
    )
    error.reason = why
    return error
