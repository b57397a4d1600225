"""Which adapter describes a torch module, and which of timm's names are described."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from vitexplain.networks.network import Network
from vitexplain.networks.refusals import refuse
from vitexplain.networks.timm_beit import TimmBeit
from vitexplain.networks.timm_deit import TimmDistilled
from vitexplain.networks.timm_eva import TimmEva
from vitexplain.networks.timm_relpos import TimmRelPos
from vitexplain.networks.timm_vit import TimmVit, class_names

if TYPE_CHECKING:
    import torch

ADAPTERS: tuple[type[Network], ...] = (
    TimmVit,
    TimmDistilled,
    TimmEva,
    TimmBeit,
    TimmRelPos,
)
"""Every adapter; a new one is one file and one line here."""


def recognise(module: torch.nn.Module) -> Network:
    """Return the module as the adapter of its class describes it, or of the nearest class it inherits from.

    ModelError, with the reason: no adapter describes it.
    """
    by_class = {name: adapter for adapter in ADAPTERS for name in adapter.handles}
    for name in class_names(module):
        if name in by_class:
            network = by_class[name](module)
            network.check()
            return network
    raise refuse(module, None)


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
