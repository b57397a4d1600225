"""LoadedModel: a network ready to run, with all that is needed to prepare pictures for it and to name its classes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vitexplain.errors import ModelError, UsageError
from vitexplain.images import Preprocess
from vitexplain.models.labels import Labels
from vitexplain.models.meaning import Activation
from vitexplain.models.prompts import Prompts
from vitexplain.models.weight_index import files_of
from vitexplain.networks import Network

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MODULE = "torch module"
"""Where the weights of a module that the user built come from."""

_SIDES = 2


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network in eval mode on `device` in `dtype`, its parameters without gradients.

    `origin` says where the weights come from: "built-in", "timm", "file: NAME" or "torch module". `labels` is None
    where nothing names the classes; `num_classes` 0 means that the network returns features instead of logits, and
    `no_predictions` says so. `activation` makes probabilities of the outputs; none: they are values.
    `stops_gradients`: what keeps gradients from passing through the network ("quantised layers do not pass on"), None
    where they pass. `prompts`: the questions in words that are its classes, None where these are others;
    `takes_prompts`: whether it comes with a text tower that reads some.
    """

    network: Network
    name: str
    origin: str
    preprocess: Preprocess
    labels: Labels | None
    num_classes: int
    device: torch.device
    dtype: torch.dtype
    activation: Activation = "softmax"
    no_predictions: str = ""
    weights_file: Path | None = None
    notices: tuple[str, ...] = ()
    stops_gradients: str | None = None
    prompts: Prompts | None = None
    takes_prompts: bool = False

    def __repr__(self) -> str:
        """Return one line: the name, where the weights come from, where it runs."""
        return f"<LoadedModel {self.name} ({self.origin}), {self.num_classes} classes, {self.dtype} on {self.device}>"

    @property
    def depth(self) -> int:
        """Number of blocks, each a layer of attention."""
        return len(self.network.blocks)

    @property
    def takes_gradients(self) -> bool:
        """Whether gradients can be computed, and in numbers that are fine enough: float32 or float64."""
        return self.without_gradients is None

    @property
    def without_gradients(self) -> str | None:
        """Why gradients are not computed, as words after "gradients, which"; None where they are."""
        if self.stops_gradients is not None:
            return self.stops_gradients
        coarse = str(self.dtype) not in ("torch.float32", "torch.float64")
        return f"{str(self.dtype).removeprefix('torch.')} is too coarse for" if coarse else None

    def require_gradients(self, what: str) -> None:
        """Raise UsageError if `what` ("method 'relevance'") needs gradients, and they are not computed."""
        if self.without_gradients is not None:
            remedy = "`dtype=float32`" if self.stops_gradients is None else "`methods=rollout`, which needs none"
            raise UsageError(f"{what} needs gradients, which {self.without_gradients}: use {remedy}")

    def require_classifier(self) -> None:
        """Raise ModelError if it has no classes."""
        if not self.num_classes:
            if self.takes_prompts:
                raise ModelError(
                    f"model '{self.name}' has no classes of its own: ask in words with `prompts='a koala'`, once for "
                    "each answer, or give a picture to compare with as `reference_image=`"
                )
            if "embedding" in self.no_predictions:
                raise ModelError(
                    f"model '{self.name}' returns an embedding, going by its name and last layer, so that there is no "
                    "class to explain: give a picture to compare with as `reference_image=`, or `activation=softmax` "
                    "if its outputs are classes"
                )
            other = ", or a method that explains no class, such as rollout" if self.network.graphless is None else ""
            raise ModelError(
                f"model '{self.name}' has no classifier, so that there is no class to explain: give a picture to "
                "compare with as `reference_image=`, or weights that have one with `weights=` (and `num_classes=`)"
                f"{other}"
            )

    def of_classes(self, outputs: Tensor) -> Tensor:
        """Return the logits or values of the classes (B, C) for the outputs (B, O).

        One output with two names is two classes: the first is what is left where the output is low.
        """
        if outputs.size(-1) == 1 and self.num_classes == _SIDES:
            import torch

            return torch.cat((-outputs, outputs), -1)
        return outputs

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probabilities (B, C) of logits (B, C), or the values as they are where they are none."""
        if self.activation == "softmax":
            return logits.softmax(-1)
        return logits.sigmoid() if self.activation == "sigmoid" else logits

    @cached_property
    def weights_sha256(self) -> str | None:
        """SHA-256 of the weights' file, or of an index and all files that it names; None for a network without a file.

        Computed when first asked for.
        """
        if self.weights_file is None:
            return None
        digest = hashlib.sha256()
        for path in files_of(self.weights_file):
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()
