"""Which adapter describes a torch module, and which of timm's names are described."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError
from vitexplain.networks.network import Network
from vitexplain.networks.open_clip_model import OpenClipModel
from vitexplain.networks.open_clip_timm import OpenClipTimm
from vitexplain.networks.open_clip_vit import OpenClipVit
from vitexplain.networks.prompted import Prompted
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_beit import TimmBeit
from vitexplain.networks.timm_convit import TimmConvit
from vitexplain.networks.timm_deit import TimmDistilled
from vitexplain.networks.timm_efficientformer import TimmEfficientFormer
from vitexplain.networks.timm_eva import TimmEva
from vitexplain.networks.timm_fastvit import TimmFastVit
from vitexplain.networks.timm_graphless import TimmGraphless, is_graphless
from vitexplain.networks.timm_hiera import TimmHiera
from vitexplain.networks.timm_hieradet import TimmHieraDet
from vitexplain.networks.timm_levit import TimmLevit
from vitexplain.networks.timm_maxxvit import TimmMaxxVit
from vitexplain.networks.timm_metaformer import TimmMetaFormer
from vitexplain.networks.timm_mvit import TimmMvit
from vitexplain.networks.timm_naflex import TimmNaFlex
from vitexplain.networks.timm_nextvit import TimmNextVit
from vitexplain.networks.timm_pit import TimmPit
from vitexplain.networks.timm_pvt import TimmPvt
from vitexplain.networks.timm_relpos import TimmRelPos
from vitexplain.networks.timm_swin import TimmSwin, TimmSwinCr
from vitexplain.networks.timm_towers import TimmTowers
from vitexplain.networks.timm_twins import TimmTwins
from vitexplain.networks.timm_visformer import TimmVisformer
from vitexplain.networks.timm_vit import TimmVit, class_names
from vitexplain.networks.torchvision_swin import TorchvisionSwin
from vitexplain.networks.torchvision_vit import TorchvisionVit
from vitexplain.networks.transformers_beit import TransformersBeit
from vitexplain.networks.transformers_clip import TransformersClip
from vitexplain.networks.transformers_deit import TransformersDeit
from vitexplain.networks.transformers_dinov2 import TransformersDinov2
from vitexplain.networks.transformers_dinov3 import TransformersDinov3
from vitexplain.networks.transformers_siglip import TransformersSiglip
from vitexplain.networks.transformers_siglip2 import TransformersSiglip2
from vitexplain.networks.transformers_swin import TransformersSwin
from vitexplain.networks.transformers_timm import TransformersTimm
from vitexplain.networks.transformers_vit import TransformersVit

if TYPE_CHECKING:
    import torch

ADAPTERS: tuple[type[Network], ...] = (
    TimmVit,
    TimmDistilled,
    TimmEva,
    TimmBeit,
    TimmRelPos,
    TimmNaFlex,
    TimmSwin,
    TimmSwinCr,
    TimmPit,
    TimmConvit,
    TimmPvt,
    TimmTowers,
    TimmTwins,
    TimmVisformer,
    TimmLevit,
    TimmHiera,
    TimmHieraDet,
    TimmMvit,
    TimmGraphless,
    TimmMaxxVit,
    TimmNextVit,
    TimmEfficientFormer,
    TimmMetaFormer,
    TimmFastVit,
    TransformersVit,
    TransformersDeit,
    TransformersBeit,
    TransformersDinov2,
    TransformersDinov3,
    TransformersClip,
    TransformersSiglip,
    TransformersSiglip2,
    TransformersSwin,
    TransformersTimm,
    TorchvisionVit,
    TorchvisionSwin,
    OpenClipVit,
    OpenClipTimm,
    OpenClipModel,
    Prompted,
)
"""Every adapter; a new one is one file and one line here."""


def adapter_of(module: torch.nn.Module) -> type[Network] | None:
    """Return the adapter of the module's class, or of the nearest class it inherits from; None: there is none.

    A classifier of timm's that no graph describes has the one that needs none.
    """
    by_class = {name: adapter for adapter in ADAPTERS for name in adapter.handles}
    found = next((by_class[name] for name in class_names(module) if name in by_class), None)
    return TimmGraphless if found is None and is_graphless(module) else found


def recognise(module: torch.nn.Module) -> Network:
    """Return the module as the adapter of its class describes it, or of the nearest class it inherits from.

    A member of a family that the graph describes in part is described without one. ModelError, with the reason: no
    adapter describes it.
    """
    adapter = adapter_of(module)
    if adapter is None:
        raise refuse(module, None)
    network = adapter(module)
    try:
        network.check()
        _ = network.readout
    except ModelError:
        if adapter is TimmGraphless or not is_graphless(module):
            raise
        network = TimmGraphless(module)
        network.check()
    return network


def described_modules() -> tuple[str, ...]:
    """Return timm's modules whose models may be described; each model is checked again when it is built."""
    return tuple(name for adapter in ADAPTERS for name in adapter.timm_modules)


def undescribed(architecture: str) -> str | None:
    """Return why the model of this name in a described module is refused all the same, None if it is not."""
    for adapter in ADAPTERS:
        for pattern, reason in adapter.undescribed.items():
            if fnmatch.fnmatchcase(architecture, pattern):
                return reason
    return None
