"""Levels: the tokens of a network level by level, with the places of the edges between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vitexplain.attention.dense import Everywhere
from vitexplain.attention.layer import Place
from vitexplain.tokens import TokenGrid


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels 0, which enters layer 1, to L; `places[l - 1]` says where the edges of layer l are."""

    grids: tuple[TokenGrid, ...]
    places: tuple[Place, ...]

    @cached_property
    def _lowest(self) -> int:
        """The highest level up to which all have the patches of level 0."""
        same = [grid == self.grids[0] for grid in self.grids]
        return len(same) - 1 if all(same) else same.index(False) - 1

    @property
    def plain(self) -> bool:
        """Return whether every token reads all tokens in every layer, as in a plain ViT."""
        return all(isinstance(place, Everywhere) and place.skip is None for place in self.places)

    def is_image(self, level: int) -> bool:
        """Return whether the patches of a level are those of the image."""
        return level <= self._lowest

    def on_image(self, rows: Tensor, level: int) -> Tensor:
        """Return numbers (B, N) of the tokens of a level as those of the tokens of level 0, (B, N_0).

        A token's number is shared out among the tokens that it was merged from, so that sums stay what they are.
        """
        for place in reversed(self.places[:level] if not self.is_image(level) else ()):
            rows = place.share(rows)
        return rows

    def holders(self, level: int) -> Tensor:
        """Return (P_0,): for every patch of the image the patch of a level that holds most of it."""
        top, bottom = self.grids[level], self.grids[0]
        if self.is_image(level):
            return torch.arange(bottom.patches)
        each = torch.eye(top.tokens)[top.prefix :]
        return self.on_image(each, level)[:, bottom.prefix :].argmax(0)
