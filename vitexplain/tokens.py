"""TokenGrid: which tokens are patches, and how they lie in the image; Readout: what a classifier reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitexplain.errors import UsageError

Readout = Literal["cls", "distilled", "mean", "mean-all", "cls-mean", "pool", "none"]
"""What the classifier reads: the class token; the mean of the class and distillation tokens; the mean of the
patches; the mean of all tokens; the class token and the mean of the patches side by side; an attention pool over all
tokens, or over the patches; none of these, where no graph of attention describes the network."""

OF_TOKENS = "the scores are those of the tokens that enter"
"""How the notice begins that is true of all scores above layer 1."""


@dataclass(frozen=True)
class TokenGrid:
    """The tokens of one level: `prefix` tokens first, then rows * cols patches, row by row.

    `class_token` says whether token 0 is one; some models have registers only, or no prefix at all.
    It belongs to a forward pass, not to a model: another size of the pixels gives another grid.
    """

    prefix: int
    rows: int
    cols: int
    class_token: bool = True

    @property
    def patches(self) -> int:
        """Number of patches P = rows * cols."""
        return self.rows * self.cols

    @property
    def tokens(self) -> int:
        """Number of tokens N = prefix + P."""
        return self.prefix + self.patches

    def token_of_patch(self, row: int, col: int) -> int:
        """Return the token of the patch at (row, col), both counted from 0."""
        if not (0 <= row < self.rows and 0 <= col < self.cols):
            raise UsageError(
                f"patch {row},{col} lies outside the grid of {self.rows} x {self.cols} patches: "
                f"give a row from 0 to {self.rows - 1} and a column from 0 to {self.cols - 1}"
            )
        return self.prefix + row * self.cols + col

    def patch_of_token(self, token: int) -> tuple[int, int] | None:
        """Return (row, col) of a patch's token, None for a prefix token."""
        return None if token < self.prefix else divmod(token - self.prefix, self.cols)
