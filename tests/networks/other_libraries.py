"""Small modules of transformers, torchvision and open_clip, with random weights that leave no layer at zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vitexplain.models.timm_import import import_timm

SIZE, PATCH, CLASSES, DEPTH = 32, 8, 5, 2

SIZES = {"hidden_size": 48, "num_hidden_layers": DEPTH, "num_attention_heads": 3, "intermediate_size": 64}
PICTURES = {"image_size": SIZE, "patch_size": PATCH}


def require(library: str, extra: str) -> None:
    """Skip the file's tests, with the reason, where the library is not installed."""
    import_timm()  # makes torchvision importable, which these libraries import, too
    pytest.importorskip(library, reason=f"{library} is not installed: pip install 'vitexplain[{extra}]'")


def transformers_model(name: str, seed: int = 0, how: str | None = None, **options: Any) -> Any:
    """Return the class `name` of transformers, small, in eval mode; `how` names its way to attend."""
    import_timm()
    import transformers

    cls = getattr(transformers, name)
    config = cls.config_class
    given = {**SIZES, **PICTURES, **options}
    if hasattr(config, "sub_configs") and "vision_config" in config.sub_configs:
        text = {**SIZES, "vocab_size": 50, "max_position_embeddings": 8}
        made = config(vision_config=given, text_config=text, num_labels=CLASSES, projection_dim=24)
    else:
        made = config(**{"num_labels": CLASSES, **given})
    if how is not None:
        made._attn_implementation = how
    torch.manual_seed(seed)
    return shaken(cls(made))


def timm_wrapper(name: str = "TimmWrapperForImageClassification", seed: int = 0, **options: Any) -> Any:
    """Return transformers' wrapper of a small vision transformer of timm's."""
    import_timm()
    import transformers

    arguments = {"img_size": SIZE, "patch_size": PATCH, "embed_dim": 48, "depth": DEPTH, "num_heads": 3, **options}
    config = transformers.TimmWrapperConfig(
        architecture="vit_tiny_patch16_224", model_args=arguments, num_labels=CLASSES
    )
    torch.manual_seed(seed)
    return shaken(getattr(transformers, name)(config))


def torchvision_model(seed: int = 0, **options: Any) -> Any:
    """Return torchvision's VisionTransformer, small."""
    import_timm()
    import torchvision

    torch.manual_seed(seed)
    sizes = {"num_layers": DEPTH, "num_heads": 3, "hidden_dim": 48, "mlp_dim": 64, "num_classes": CLASSES}
    return shaken(torchvision.models.VisionTransformer(**{**PICTURES, **sizes, **options}))


def open_clip_tower(seed: int = 0, **options: Any) -> Any:
    """Return open_clip's own vision tower, small."""
    import_timm()
    from open_clip.transformer import VisionTransformer

    torch.manual_seed(seed)
    sizes = {"width": 48, "layers": DEPTH, "heads": 3, "mlp_ratio": 2.0, "output_dim": 24}
    return shaken(VisionTransformer(**{**PICTURES, **sizes, **options}))


def open_clip_model(seed: int = 0, **vision: Any) -> Any:
    """Return open_clip's whole CLIP, small."""
    import_timm()
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    torch.manual_seed(seed)
    tower = CLIPVisionCfg(**{**PICTURES, "layers": DEPTH, "width": 48, "head_width": 16, **vision})
    text = CLIPTextCfg(context_length=8, vocab_size=50, width=32, heads=2, layers=1)
    return shaken(CLIP(24, tower, text))


def open_clip_timm(seed: int = 0) -> Any:
    """Return open_clip's tower around timm's SigLIP, small, with a projection."""
    import_timm()
    from open_clip.timm_model import TimmModel

    from tests.models.small import build

    torch.manual_seed(seed)
    made = TimmModel("vit_tiny_patch16_224", 24, SIZE, pool="token", proj="linear")
    made.trunk = build(
        "vit_base_patch16_siglip_224", img_size=SIZE, patch_size=PATCH, embed_dim=48, num_heads=3, num_classes=0
    )
    made.head.proj = torch.nn.Linear(48, 24, bias=False)
    return shaken(made)


def shaken(module: Any) -> Any:
    """Return the module in eval mode, its parameters moved a little: some begin at zero and would test nothing."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return module.eval()
