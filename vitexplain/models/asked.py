"""Asked: which number of a model's outputs is explained, a class's or the likeness to a reference."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vitexplain.models.loaded import LoadedModel


@dataclass(frozen=True, eq=False)
class Asked:
    """One class per image: `target` (B,); a number below 0, -1 - k, is what lowers class k.

    `against` (B,): a class whose logit is subtracted. `reference` (1, C): an embedding, the cosine similarity to which
    stands in place of a class.
    """

    model: LoadedModel
    target: Tensor | None = None
    against: Tensor | None = None
    reference: Tensor | None = None

    @property
    def quantity(self) -> str:
        """What is explained, in a word: the target's logit, its value, or the similarity to a reference."""
        if self.reference is not None:
            return "similarity"
        return "value" if self.model.activation == "none" else "logit"

    def of(self, outputs: Tensor, image: int | None = None) -> Tensor:
        """Return what is explained (B,), for outputs (B, O); with `image`, for (K, O) of that one."""
        if self.reference is not None:
            return functional.cosine_similarity(outputs, self.reference.to(outputs), dim=-1)
        return self._difference(self.model.of_classes(outputs), image)

    def answer(self, outputs: Tensor, image: int | None = None) -> Tensor:
        """Return the target's probability in place of its logit; what has no probability as `of` returns it."""
        if self.quantity != "logit":
            return self.of(outputs, image)
        assert self.target is not None
        shares = self.model.probabilities(self.model.of_classes(outputs))
        # The probability of what lowers a class is what is left of the class's.
        return self._difference(shares, image) + (_of_image(self.target, image) < 0).to(shares)

    def _difference(self, values: Tensor, image: int | None) -> Tensor:
        assert self.target is not None
        value = _entry(values, _of_image(self.target, image))
        return value if self.against is None else value - _entry(values, _of_image(self.against, image))


def _of_image(classes: Tensor, image: int | None) -> Tensor:
    return classes if image is None else classes[image : image + 1]


def _entry(values: Tensor, classes: Tensor) -> Tensor:
    """Return the entry of values (B, C) of each row's class (B,) or (1,), its sign turned for a class below 0."""
    chosen = classes.to(values.device).expand(len(values))
    lowered = chosen < 0
    found = values.gather(1, torch.where(lowered, -1 - chosen, chosen)[:, None])[:, 0]
    return torch.where(lowered, -found, found)
