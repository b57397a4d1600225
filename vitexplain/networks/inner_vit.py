"""InnerVit: a module that hands its pixels to one ViT inside it, which has an adapter of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.network import Network
from vitexplain.networks.of_inner import OfInner
from vitexplain.networks.outputs import read_output
from vitexplain.tokens import Readout

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class InnerVit(OfInner):
    """Described by the ViT inside, at `path`; what comes after it is `after`."""

    path: ClassVar[str] = ""

    @cached_property
    def inner(self) -> Network:
        """The ViT inside, described; ModelError with the reason if it is none."""
        from vitexplain.networks.recognise import recognise

        return recognise(self.module.get_submodule(self.path))

    def output(self, raw: object, batch: int) -> Tensor:
        """Return the outputs (B, C) in what the module returned."""
        return read_output(raw, batch, ("logits", "pooler_output"))

    def embeds(self, outputs: int) -> bool:
        """Whether the outputs are an embedding: the module has no classifier, or its ViT embeds."""
        return self.classes == 0 or self.inner.embeds(outputs)

    def after(self, outputs: Tensor) -> Tensor:
        """Return the module's outputs for those of the ViT inside."""
        return outputs

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module."""
        _ = self.inner

    @property
    def readout(self) -> Readout:
        """What the ViT inside reads."""
        return self.inner.readout

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier; 0: there is none."""
        return self.inner.classes

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What the library keeps about the ViT inside."""
        return self.inner.configuration

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave a block."""
        return self.after(self.inner.classify(tokens))

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of what follows them."""
        return frozenset(f"{self.path}.{name}" for name in self.inner.parameters_above(layer))
