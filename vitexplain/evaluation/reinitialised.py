"""The models with re-initialised upper layers that all images of a run are measured with."""

from __future__ import annotations

import torch
from torch import nn

from vitexplain.evaluation.randomised import randomised
from vitexplain.models import LoadedModel


class Reinitialised:
    """The model re-initialised from layer k upwards, for every k, each made when first asked for.

    All are kept, so that an image meets them one after the other and is decoded once. What a parameter becomes does
    not depend on k: the models share whatever is equal, and together hold one more set of weights, not L.
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
        """Let the model's parameters lie where equal ones of an earlier model do."""
        for name, parameter in model.network.module.named_parameters():
            known = self._weights.setdefault(name, [])
            same = next((other for other in known if torch.equal(other, parameter)), None)
            if same is None:
                known.append(parameter)
            else:
                parameter.data = same.data
