"""Scores of tokens as scores of patches, also where the tokens were merged from several patches."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import MethodScores
from vitexplain.options import LayerRange


def token_scores(
    tokens: Tensor,
    forward_pass: ForwardPass,
    level: int = 0,
    *,
    unit: str,
    layers: LayerRange,
    source: str,
    notices: tuple[str, ...] = (),
) -> MethodScores:
    """Return the patches' scores of scores over the tokens of a level (B, N), with the share of the prefix tokens.

    Where the tokens of the level were merged from several patches, these share a token's score.
    """
    grid = forward_pass.levels[level]
    sums = tokens.cpu().numpy()
    prefix, total = sums[:, : grid.prefix].sum(1, dtype=np.float64), sums.sum(1, dtype=np.float64)
    shares = [float(p / t) if t > 0 else None for p, t in zip(prefix, total, strict=True)]
    values = forward_pass.between.on_image(tokens, level).cpu().numpy()[:, forward_pass.grid.prefix :]
    merged = merged_notice(forward_pass, level, "share its score")
    return MethodScores(
        values=values,
        unit=unit,
        layers=layers,
        source=source,
        statistics=tuple({"prefix_share": share} for share in shares),
        notices=((*notices, *merged),) * len(values),
    )


def merged_notice(forward_pass: ForwardPass, level: int, how: str) -> tuple[str, ...]:
    """Return the notice that the scores are those of tokens merged from several patches, nothing where they are not."""
    grid, below = forward_pass.levels[level], forward_pass.grid
    if forward_pass.between.is_image(level) or (grid.rows, grid.cols) == (below.rows, below.cols):
        return ()
    return (
        f"the scores are of {grid.rows} x {grid.cols} tokens, merged from {below.rows} x {below.cols} patches: the "
        f"patches of a token {how}",
    )
