"""Models with re-initialised upper layers: scores that stay the same do not depend on what these layers learned."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace

import torch
from torch import nn

from vitexplain.models import LoadedModel


def randomised(model: LoadedModel, layer: int, seed: int) -> LoadedModel:
    """Return a copy of the model in which layers `layer` to L, and all that comes after them, are re-initialised.

    After Adebayo et al. 2018, section 3.1 (cascading randomisation, from the classifier down). Our choice: the entries
    of each parameter are shuffled, so that every tensor keeps its distribution, however its family initialises it. What
    a parameter becomes does not depend on `layer`. The model itself stays as it is.
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


class Reinitialised:
    """The model re-initialised from layer k upwards, for every k, each made when first asked for.

    All are kept, so that an image is decoded once for all of them. What a parameter becomes does not depend on k, so
    the models share whatever is equal and together hold one more set of weights, not L.
    """

    def __init__(self, model: LoadedModel, seed: int) -> None:
        self._model, self._seed = model, seed
        self._made: dict[int, LoadedModel] = {}
        self._weights: dict[str, list[nn.Parameter]] = {}
        self._share(model)

    def at(self, layer: int) -> LoadedModel:
        """Return the model in which layers `layer` to L, and all that comes after them, are re-initialised."""
        if layer not in self._made:
            self._made[layer] = randomised(self._model, layer, self._seed)
            self._share(self._made[layer])
        return self._made[layer]

    def _share(self, model: LoadedModel) -> None:
        """Let the model share the parameters that equal those of an earlier model."""
        for name, parameter in model.network.module.named_parameters():
            known = self._weights.setdefault(name, [])
            same = next((other for other in known if torch.equal(other, parameter)), None)
            if same is None:
                known.append(parameter)
            else:
                parameter.data = same.data
