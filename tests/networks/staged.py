"""Small random networks in stages, of timm's own classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vitexplain.models.timm_import import import_timm
from vitexplain.networks import recognise

SWIN: dict[str, Any] = {
    "embed_dim": 24,
    "depths": (2, 2, 2),
    "num_heads": (2, 4, 4),
    "window_size": 4,
    "num_classes": 5,
}
"""Windows of 4 x 4 over 14 x 14, 7 x 7 and 4 x 4 tokens: shifted, padded, an odd edge to merge, one window alone."""

CONVIT: dict[str, Any] = {"img_size": 64, "embed_dim": 8, "num_heads": 2, "depth": 4, "local_up_to_layer": 2}
CONVIT |= {"num_classes": 5}
PIT: dict[str, Any] = {"base_dims": (8, 8, 8), "depth": (1, 2, 1), "heads": (2, 4, 8), "num_classes": 5}
PVT: dict[str, Any] = {
    "embed_dims": (8, 16, 16, 32),
    "depths": (2, 1, 1, 1),
    "num_heads": (2, 4, 4, 8),
    "num_classes": 5,
}
TWINS: dict[str, Any] = {
    "img_size": 64,
    "embed_dims": (8, 16, 16, 32),
    "depths": (2, 2, 3, 2),
    "num_heads": (2, 4, 4, 8),
    "num_classes": 5,
}
"""Over 16 x 16, 8 x 8, 4 x 4 and 2 x 2 tokens."""
LEVIT: dict[str, Any] = {"embed_dim": (16, 24, 32), "key_dim": 8, "num_heads": (2, 3, 4), "depth": (1, 1, 1)}
LEVIT |= {"num_classes": 5}
VISFORMER: dict[str, Any] = {"embed_dim": 32, "depth": (2, 2, 2), "num_heads": 2, "num_classes": 5, "init_channels": 8}
MAXXVIT: dict[str, Any] = {
    "img_size": 64,
    "embed_dim": (8, 8, 16, 16),
    "depths": (1, 1, 2, 1),
    "stem_width": 8,
    "transformer_dim_head": 4,
    "num_classes": 5,
}
"""Over 32 x 32 tokens of the stem: 16 x 16 in the first stage, 2 x 2 in the last."""
MAXXVIT_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "maxvit": ("maxvit_tiny_tf_224", {"embed_dim": (16, 8, 16, 16), "head_hidden_size": 8}),
    "maxvit, oblong": ("maxvit_rmlp_pico_rw_256", {"img_size": (32, 64)}),
    "maxvit, channels first": ("maxvit_pico_rw_256", {"transformer_use_nchw_attn": True}),
    "maxxvit": ("maxxvit_rmlp_nano_rw_256", {}),
    "maxxvitv2": ("maxxvitv2_nano_rw_256", {}),
    "coatnet": ("coatnet_0_rw_224", {}),
    # Of so many channels that each token under a pool is the largest in one.
    "coatnet, max": ("coatnet_rmlp_1_rw_224", {"embed_dim": (8, 64, 64, 64), "transformer_dim_head": 16}),
    "coatnet, its own": ("coatnet_0_224", {"head_hidden_size": 8}),
    "coatnet, mixed stages": ("coatnet_nano_cc_224", {}),
    "coatnext": ("coatnext_nano_rw_224", {}),
}
HIERA: dict[str, Any] = {"img_size": 64, "embed_dim": 16, "stages": (1, 2, 2, 1), "num_classes": 5}
"""16 x 16 tokens in four units, pooled three times; attention everywhere from the third stage's second block on."""
HIERADET: dict[str, Any] = {"embed_dim": 16, "stages": (1, 2, 2, 1), "global_att_blocks": (4,), "num_classes": 5}
HIERADET |= {"global_pos_size": (4, 4), "pretrained_cfg_overlay": {"input_size": (3, 64, 96)}}
"""16 x 24 tokens; windows of 8 x 8, 4 x 4, and 6 x 6 over 4 x 6, which are padded."""
MVIT: dict[str, Any] = {"img_size": 64, "num_classes": 5}
MVIT_CONFIGURATION: dict[str, Any] = {"embed_dim": (16, 16, 32, 32), "depths": (1, 2, 1, 1), "num_heads": (1, 2, 4, 4)}
"""timm builds this family from a table of its own."""
EFFICIENTFORMER: dict[str, Any] = {"depths": (1, 1, 1, 3), "embed_dims": (8, 8, 16, 16), "num_classes": 5}
FASTVIT: dict[str, Any] = {"embed_dims": (8, 8, 16, 64), "num_classes": 5}

STAGED: dict[str, tuple[str, dict[str, Any]]] = {
    "swin": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 56}),
    "swin, any size": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 56, "dynamic_img_size": True}),
    "swin, long": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": (32, 64), "window_size": (4, 8)}),
    "swin, windows everywhere": ("swin_tiny_patch4_window7_224", {**SWIN, "img_size": 32, "always_partition": True}),
    "swinv2": ("swinv2_tiny_window8_256", {**SWIN, "img_size": 56}),
    "swinv2_cr": ("swinv2_cr_tiny_ns_224", {**SWIN, "img_size": 56}),
    "pit": ("pit_ti_224", {**PIT, "img_size": 64}),
    "pit, distilled": ("pit_ti_distilled_224", {**PIT, "img_size": 64}),
    "convit": ("convit_tiny", CONVIT),
    "convit, mean": ("convit_tiny", {**CONVIT, "global_pool": "avg"}),
    "pvt_v2": ("pvt_v2_b0", {**PVT, "sr_ratios": (4, 2, 1, 1)}),
    "pvt_v2, linear": ("pvt_v2_b2_li", PVT),
    "twins, windows": ("twins_svt_small", {**TWINS, "wss": (7, 7, 3, 7)}),
    "twins, pooled keys": ("twins_pcpvt_small", TWINS),
    "levit": ("levit_128s", {**LEVIT, "img_size": 112}),
    "levit, maps": ("levit_conv_128s", {**LEVIT, "img_size": 112}),
    "visformer": ("visformer_tiny", {**VISFORMER, "img_size": 64}),
    "nextvit": ("nextvit_small", {"depths": (1, 2, 5, 2), "stem_chs": (8, 8, 8), "num_classes": 5}),
    "fastvit": ("fastvit_sa12", {**FASTVIT, "layers": (1, 1, 1, 2)}),
    "fastvit, two stages": ("fastvit_mci3", {**FASTVIT, "layers": (1, 1, 1, 1, 1), "embed_dims": (8, 8, 8, 32, 64)}),
    "caformer": ("caformer_s18", {"num_classes": 5}),
    "efficientformer": ("efficientformer_l1", {**EFFICIENTFORMER, "num_vit": 2}),
    "efficientformer, a whole stage": ("efficientformer_l7", {**EFFICIENTFORMER, "num_vit": 3}),
    "hiera": ("hiera_tiny_224", HIERA),
    "hiera, oblong": ("hiera_tiny_224", {**HIERA, "img_size": (32, 64), "num_heads": 2}),
    "hiera, absolute windows": ("hiera_small_abswin_256", {**HIERA, "global_pos_size": (4, 4)}),
    "hiera, two pools": ("hiera_tiny_224", {**HIERA, "q_pool": 2}),
    "hieradet": ("sam2_hiera_tiny", {**HIERADET, "window_spec": (8, 4, 6, 2)}),
    "mvitv2": ("mvitv2", {**MVIT, "cfg": MVIT_CONFIGURATION}),
    "mvitv2, wider at the end": ("mvitv2", {**MVIT, "cfg": {**MVIT_CONFIGURATION, "expand_attn": False}}),
    "mvitv2, class token": ("mvitv2", {**MVIT, "cfg": {**MVIT_CONFIGURATION, "use_cls_token": True}}),
    **{name: (timm_name, {**MAXXVIT, **own}) for name, (timm_name, own) in MAXXVIT_OPTIONS.items()},
}


def build_staged(name: str, seed: int = 0, **options: Any) -> Any:
    """Return the network of that name here, its random weights all away from where they begin, which may be zero."""
    timm_name, own = STAGED[name]
    torch.manual_seed(seed)
    given = {**own, **options}
    if "cfg" in given:
        family: Any = import_timm().models.mvitv2
        module = family.MultiScaleVit(**{**given, "cfg": family.MultiScaleVitCfg(**given["cfg"])}).eval()
    else:
        module = import_timm().create_model(timm_name, **given).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
        norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d)]
        for norm in norms:
            norm.momentum = 1.0
        if norms:  # as after training, statistics are those of pictures
            module.train()(pixels_of(module, 8))
    return module.eval()


def pixels_of(module: Any, count: int = 2) -> Tensor:
    """Return pixels (B, 3, H, W) of the size that the module was built for."""
    height, width = recognise(module).pixels.built_for or (64, 64)
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))
