"""PlainVit: what the plain ViTs of libraries other than timm have in common; the base of their adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.described import Described
from vitexplain.networks.network import Pixels
from vitexplain.networks.sizes import require_size
from vitexplain.tokens import TokenGrid

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class PlainVit(Described):
    """A ViT with a class token, some other prefix tokens or none, and every token in every layer.

    An adapter adds the names of its modules, what the classifier reads, and `classify`.
    """

    before: ClassVar[tuple[str, ...]] = ()
    """Names of the modules and parameters of the tower that come before its layers."""

    @property
    def classes(self) -> int:
        """Number of outputs of the classifier; 0: there is none."""
        raise NotImplementedError

    def embeds(self, outputs: int) -> bool:  # noqa: ARG002 - whatever their number
        """Whether the outputs are an embedding: the module has no classifier."""
        return self.classes == 0

    @property
    def inside(self) -> str:
        """Where in the module the tower is, "" or a name that ends in a dot."""
        return ""

    @property
    def tower(self) -> Any:
        """The module of the embeddings and the layers."""
        return self.module.get_submodule(self.inside.removesuffix("."))

    @property
    def pixels(self) -> Pixels:
        """The sizes that the network takes."""
        raise NotImplementedError

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers in the tower."""
        raise NotImplementedError

    @property
    def prefix(self) -> int:
        """Number of prefix tokens."""
        return 1

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return the tokens of levels 0 to L, all the same; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = height // self.pixels.patch[0], width // self.pixels.patch[1]
        return (TokenGrid(self.prefix, rows, cols, self.prefix > 0),) * (len(self.layers) + 1)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return what the embedding returned as (B, P, D)."""
        return embeddings.flatten(2).mT if embeddings.ndim == 4 else embeddings

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(f"{self.inside}{layer}" for layer in self.layers)

    @property
    def overlapping(self) -> bool:
        """No: a patch sees its own pixels only."""
        return False

    def parameters_above(self, layer: int) -> frozenset[str]:
        """Return the names of the parameters of layers `layer` to L and of the parts that follow them."""
        lower = tuple(f"{block}." for block in self.blocks[: layer - 1])
        below = tuple(f"{self.inside}{name}" for name in self.before)
        names = [name for name, _ in self.module.named_parameters()]
        return frozenset(name for name in names if not name.startswith((*lower, *below)))


def pair(value: Any) -> tuple[int, int]:
    """Return (height, width) from one number or two."""
    height, width = value if isinstance(value, list | tuple) else (value, value)
    return int(height), int(width)


def are_placeholders(names: Mapping[Any, Any] | Sequence[Any]) -> bool:
    """Return whether the names of classes are those that transformers writes where nobody gave any, LABEL_0."""
    pairs = names.items() if isinstance(names, Mapping) else enumerate(names)
    return all(name == f"LABEL_{index}" for index, name in pairs)


def outputs_of(classifier: Any) -> int:
    """Return the number of outputs of a classifier's last linear layer; 0: it has none."""
    sizes = [int(part.out_features) for part in classifier.modules() if hasattr(part, "out_features")]
    return sizes[-1] if sizes else 0
