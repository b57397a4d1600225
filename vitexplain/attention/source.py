"""The source of rollout and flow: where in the top layer of the graph they start."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from vitexplain.errors import UsageError
from vitexplain.tokens import Readout, TokenGrid

_FORM = re.compile(r"readout|cls|patch:(\d+),(\d+)|token:(\d+)")


@dataclass(frozen=True, eq=False)
class Source:
    """One token (`node`), or weights (B, N) over the tokens that stand for edges from a virtual node.

    A node is unbounded: only the edges below it limit a flow. Weights are the capacities of the virtual node's edges.
    """

    node: int | None
    weights: Tensor | None = None

    def rows(self, like: Tensor) -> Tensor:
        """Return the source as a distribution over the tokens (B, N), with the batch, device and type of `like`."""
        if self.weights is not None:
            return self.weights.to(like).expand(like.size(0), -1)
        start = like.new_zeros(like.size(0), like.size(-1))
        start[:, self.node] = 1.0
        return start


def check_source(text: str) -> str:
    """Return the source as given, e.g. "patch:2,5"; UsageError if it has none of the four forms."""
    if not _FORM.fullmatch(text):
        raise UsageError(f"source '{text}' is not known: give readout, cls, patch:ROW,COL or token:N (counted from 0)")
    return text


def resolve_source(text: str, grid: TokenGrid, readout: Readout, pool: Tensor | None = None) -> Source:
    """Return the source that `text` names among the tokens of a grid, below a classifier that reads `readout`.

    `readout` is what the classifier reads: the class token as a node; the mean of the class and distillation tokens,
    the mean of the patches, half of both where they are read side by side, or the rows of an attention pool (B, N) as
    weights. The papers define the class token
    only; the others are our choice. Without `pool`, an attention pool's readout is replaced by the patch mean.
    """
    form = _FORM.fullmatch(check_source(text))
    assert form
    if text == "readout":
        return _read_by(readout, grid, pool)
    if text == "cls":
        if not grid.class_token:
            raise UsageError(
                "source 'cls' does not exist: this model has no class token; give readout or patch:ROW,COL"
            )
        return Source(0)
    row, col, token = form.groups()
    if token is None:
        return Source(grid.token_of_patch(int(row), int(col)))
    if int(token) >= grid.tokens:
        raise UsageError(f"token {token} does not exist: the model has tokens 0 to {grid.tokens - 1}")
    return Source(int(token))


def _read_by(readout: Readout, grid: TokenGrid, pool: Tensor | None) -> Source:
    if readout == "cls":
        return Source(0)
    if readout == "pool" and pool is not None:
        return Source(None, pool)
    weights = torch.zeros(1, grid.tokens, dtype=torch.float64)
    if readout == "distilled":
        weights[:, :2] = 1 / 2
    elif readout == "mean-all":
        weights[:] = 1 / grid.tokens
    elif readout == "cls-mean":
        weights[:, 0] = 1 / 2
        weights[:, grid.prefix :] = 1 / (2 * grid.patches)
    else:
        weights[:, grid.prefix :] = 1 / grid.patches
    return Source(None, weights)
