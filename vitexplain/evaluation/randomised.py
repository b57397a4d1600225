"""A model whose upper layers know nothing: scores that stay the same do not depend on what it learned."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace

import torch

from vitexplain.errors import ModelError
from vitexplain.models import LoadedModel


def randomised(model: LoadedModel, layer: int, seed: int) -> LoadedModel:
    """Return a copy of the model in which layers `layer` to L, and all that comes after them, are re-initialised.

    After Adebayo et al. 2018, section 3.1 (cascading randomisation, from the classifier down). Our choice: the entries
    of each parameter are shuffled, so that every tensor keeps its distribution, whatever the family's start was. The
    draw of a parameter does not depend on `layer`. The model itself stays as it is. ModelError: no part of the network
    is called `blocks`.
    """
    after = _after_blocks(model)
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if _is_above(name, layer, after):
                digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
                generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return replace(model, network=network)


def _after_blocks(model: LoadedModel) -> frozenset[str]:
    """Return the names of the network's parts that come after its blocks."""
    names = [name for name, _ in model.network.named_children()]
    if "blocks" not in names:
        raise ModelError(f"metric randomisation: which layers of '{model.name}' are the upper ones is not known")
    return frozenset(names[names.index("blocks") + 1 :])


def _is_above(parameter: str, layer: int, after: frozenset[str]) -> bool:
    part, *rest = parameter.split(".")
    return part in after or (part == "blocks" and int(rest[0]) >= layer - 1)
