"""A model whose upper layers know nothing: scores that stay the same do not depend on what it learned."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace

import torch

from vitexplain.models import LoadedModel


def randomised(model: LoadedModel, layer: int, seed: int) -> LoadedModel:
    """Return a copy of the model in which layers `layer` to L, and all that comes after them, are re-initialised.

    After Adebayo et al. 2018, section 3.1 (cascading randomisation, from the classifier down). Our choice: the entries
    of each parameter are shuffled, so that every tensor keeps its distribution, whatever the family's start was. The
    draw of a parameter does not depend on `layer`. The model itself stays as it is.
    """
    upper = model.network.parameters_above(layer)
    module = copy.deepcopy(model.network.module)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name in upper:
                digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
                generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return replace(model, network=model.network.with_module(module))
