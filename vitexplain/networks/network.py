"""Network: what methods, capture and evaluation may ask of a neural network, whatever library built it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from vitexplain.networks.layout import Layout
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vitexplain.attention import Place


@dataclass(frozen=True)
class Pixels:
    """The sizes that a network takes, in pixels as (height, width); `built_for` None: no size of its own.

    A network for one size only may leave a rest of less than a patch out at the right and the bottom.
    """

    built_for: tuple[int, int] | None
    patch: tuple[int, int]
    flexible: bool


class Network(Protocol):
    """A neural network as an adapter describes it. Layers count from 1, nearest the image, to L.

    Level 0 are the tokens that enter layer 1, level l those at the output of layer l. A new architecture is one file
    with such a class, and one line in `recognise.ADAPTERS`.
    """

    handles: ClassVar[tuple[str, ...]]
    """The classes of torch modules that the adapter describes, "package.module.Class"; their subclasses, too."""
    timm_modules: ClassVar[tuple[str, ...]]
    """The modules of timm whose models the adapter may describe; empty for another library's."""
    heads_first: ClassVar[bool]
    """Whether heads come before windows where its attention calls have both (see `capture`)."""
    at_dropout: ClassVar[bool]
    """Whether weights are changed after the softmax, so that only dropout, before the values, sees them as applied."""
    undescribed: ClassVar[Mapping[str, str]]
    """Names in these modules that are refused all the same, as patterns, each with its reason."""

    def __init__(self, module: Any) -> None:
        """Describe the torch module that runs, as it is."""

    @property
    def module(self) -> nn.Module:
        """The torch module that runs."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run pixels (B, 3, H, W) and return the outputs (B, C)."""

    def output(self, raw: object, batch: int) -> Tensor:
        """Return the outputs (B, C) in what the module's forward returned for `batch` pictures (see outputs.py).

        ModelError, with what was returned: something else.
        """

    def embeds(self, outputs: int) -> bool:
        """Return whether `outputs` numbers per picture are an embedding, not classes, as far as can be told."""

    def check(self) -> None:
        """Raise ModelError with the reason if the attention graph does not describe the module.

        What its classifier reads is not looked at here: `readout` raises the error for one that is not described.
        """

    def with_module(self, module: nn.Module) -> Network:
        """Return the same description of another module: a copy, or one whose inner outputs are watched."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the module's weights under the names that they have there."""

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L for pixels (B, 3, height, width); UsageError: a size it does not take."""

    def place(self, layer: int, levels: tuple[TokenGrid, ...]) -> Place:
        """Return where the edges of `layer` are: everywhere between its levels, within windows, or in merged tokens."""

    @property
    def graphless(self) -> str | None:
        """Why no attention graph describes the module, which has level 0 only and no layers then; None: one does."""

    @property
    def pixels(self) -> Pixels:
        """The sizes that the network takes."""

    @property
    def embedding(self) -> str:
        """Name of the module whose output are the patch embeddings, in a form that `by_patch` reads."""

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the module `embedding` returned, or numbers of its shape, as (B, P, D)."""

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the modules whose outputs are the tokens of levels 1 to L, in the form that `layout` says."""

    @property
    def heads(self) -> int:
        """Number of attention heads H of a layer, of that with the fewest."""

    @property
    def readout(self) -> Readout:
        """What the classifier reads of level L."""

    @property
    def overlapping(self) -> bool:
        """Whether a patch embedding sees more than its own patch, as after a convolutional network."""

    @property
    def layout(self) -> Layout:
        """The form of the tokens that the blocks take and return."""

    def layout_at(self, level: int) -> Layout:
        """Return the form of the tokens of a level, from 0, where blocks differ; level 0 as block 1 takes them."""

    @property
    def classes(self) -> int:
        """Number of classes that the module says it has; 0: none, its classifier was left out, or is another one.

        What it returns may be another number: that is seen when it runs.
        """

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What the library keeps about the network: its name, transform and labels; empty where it keeps nothing."""

    def classify(self, tokens: Tensor) -> Tensor:
        """Return the outputs (B, C) for tokens as they leave the last block: last norm, pooling and classifier."""

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of all that comes after them."""
