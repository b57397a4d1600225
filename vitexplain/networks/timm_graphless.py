"""timm's classifiers that no attention graph describes: their scores lie on squares of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.networks.described import Described
from vitexplain.networks.layout import Layout
from vitexplain.networks.network import Pixels
from vitexplain.networks.refusals import graphless_reason, refuse
from vitexplain.networks.sizes import require_size
from vitexplain.tokens import Readout, TokenGrid

if TYPE_CHECKING:
    from torch import Tensor

_SIDES = (16, 14, 15, 18, 12, 20, 24, 10, 8, 32)
"""Sides of the squares, in pixels, from the one that is taken first."""


@dataclass(frozen=True, eq=False)
class TimmGraphless(Described):
    """A module that is wrapped so that its pixels are watched like patch embeddings (see `FromPixels`).

    There are no layers between tokens: only level 0, the squares of pixels.
    """

    handles: ClassVar[tuple[str, ...]] = ("vitexplain.networks.from_pixels.FromPixels",)
    embedding: ClassVar[str] = "pixels"
    blocks: ClassVar[tuple[str, ...]] = ()
    heads: ClassVar[int] = 0
    readout: ClassVar[Readout] = "none"
    overlapping: ClassVar[bool] = False

    def __post_init__(self) -> None:
        from vitexplain.networks.from_pixels import FromPixels

        if not isinstance(self.module, FromPixels):
            object.__setattr__(self, "module", FromPixels(self.module))

    @property
    def built(self) -> Any:
        """The module as timm built it."""
        return self.module.network

    @property
    def graphless(self) -> str:
        """Why no attention graph describes it."""
        return _reason(self.built) or "the attention graph does not describe it"

    def check(self) -> None:
        """Raise ModelError for a module that says no size of its pictures, or other pictures than RGB."""
        size = self._built_for
        if size is None:
            raise refuse(self.built, "it says no size of its pictures")
        if self.configuration.get("input_size", (3,))[0] != 3:
            raise refuse(self.built, "it takes other pictures than RGB")
        if self._side is None:
            raise refuse(self.built, f"its pictures of {size[0]} x {size[1]} pixels are not made of squares")

    @cached_property
    def _built_for(self) -> tuple[int, int] | None:
        for embed in (getattr(self.built, "patch_embed", None), getattr(self.built, "stem", None)):
            size = getattr(embed, "img_size", None)
            if isinstance(size, tuple) and len(size) == 2:
                return int(size[0]), int(size[1])
        size = self.configuration.get("input_size")
        return (int(size[1]), int(size[2])) if size else None

    @cached_property
    def _side(self) -> int | None:
        height, width = self._built_for or (0, 0)
        return next((side for side in _SIDES if height % side == 0 and width % side == 0), None)

    @property
    def pixels(self) -> Pixels:
        """The size that the network was built for, in squares of 16 pixels where they fit."""
        assert self._side is not None
        return Pixels(self._built_for, (self._side, self._side), False)

    def levels(self, height: int, width: int) -> tuple[TokenGrid, ...]:
        """Return level 0, the squares; UsageError: a size that the network does not take."""
        require_size(self.pixels, height, width)
        rows, cols = (side // self.pixels.patch[0] for side in (height, width))
        return (TokenGrid(0, rows, cols, class_token=False),)

    def by_patch(self, embeddings: Tensor) -> Tensor:
        """Return pixels, or numbers of their shape (B, 3, H, W), by square as (B, P, D)."""
        side = self.pixels.patch[0]
        images, channels, height, width = embeddings.shape
        squares = embeddings.reshape(images, channels, height // side, side, width // side, side)
        return squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    @property
    def layout(self) -> Layout:
        """Maps, channels first."""
        return "BDHW"

    @property
    def classes(self) -> int:
        """Number of classes of the classifier that timm built; 0: there is none."""
        return int(getattr(self.built, "num_classes", 0) or 0)

    def embeds(self, outputs: int) -> bool:
        """Whether the outputs are what the classifier would read."""
        return self.classes == 0 and outputs == int(getattr(self.built, "num_features", 0))

    @property
    def configuration(self) -> Mapping[str, Any]:
        """timm's pretrained configuration."""
        found: Mapping[str, Any] = getattr(self.built, "pretrained_cfg", None) or {}
        return found

    def state_dict(self) -> dict[str, Tensor]:
        """Return the module's weights under the names that timm gave them."""
        return dict(self.built.state_dict())

    def classify(self, tokens: Tensor) -> Tensor:  # noqa: ARG002 - as there are none
        """Raise ModelError: there are no tokens for the classifier to read."""
        raise refuse(self.built, self.graphless)

    def parameters_above(self, layer: int) -> frozenset[str]:  # noqa: ARG002 - there is one, the network
        """Return the names of all parameters."""
        return frozenset(name for name, _ in self.module.named_parameters())


def _reason(module: Any) -> str | None:
    """Return why no graph describes a network, by where its class is written, or that of a part of it."""
    places = (type(part).__module__.rpartition(".")[2] for part in module.modules())
    return next((reason for place in places if (reason := graphless_reason(place))), None)


def is_graphless(module: object) -> bool:
    """Return whether it is one of timm's classifiers without a graph that this adapter describes."""
    library = type(module).__module__.startswith("timm.models.")
    return library and hasattr(module, "get_classifier") and _reason(module) is not None
