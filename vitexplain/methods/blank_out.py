"""Blank-out: how much the target's logit falls when a patch is removed; a reference for the other methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vitexplain.attention import Fusion
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.dimensions import check_window, require_window
from vitexplain.methods.fills import FILLS, FillName, outputs_without, why_not_dropped
from vitexplain.methods.method import EveryMethod, MethodScores, Need
from vitexplain.models import LoadedModel
from vitexplain.options import choice, count
from vitexplain.tokens import TokenGrid


@dataclass(frozen=True)
class BlankOut(EveryMethod):
    """How much the logit falls when it is removed; slow.

    Positive: the patch spoke for the target. After Zeiler & Fergus 2014, section 4.2, and the blank-out scores of Abnar
    & Zuidema 2020, section 4. `fill`: mean, blur, black or drop (see fills.py). `of`: logit or probability. `window`:
    the side of the square of patches that is removed at once; a patch's score is then the mean over the windows that
    cover it.
    """

    name: ClassVar[str] = "blank-out"
    needs: ClassVar[frozenset[Need]] = frozenset({"target", "model"})
    fusions: ClassVar[tuple[Fusion, ...]] = ()
    fill: FillName = choice(
        "mean", "What replaces a removed patch: mean, blur, black or drop (blank-out).", words=FILLS
    )
    of: str = choice(
        "logit",
        "What the drop is measured in: logit or probability (blank-out).",
        words=("logit", "probability"),
    )
    window: int = count(
        1,
        "Side of the square of patches removed at once (blank-out).",
        low=1,
        expected="a number of patches from 1",
        check=check_window,
    )

    def why_not(self, model: LoadedModel) -> str | None:
        """Return why patches cannot be left out where they should be (`fill=drop`)."""
        return why_not_dropped(model) if self.fill == "drop" else None

    def scores(self, forward_pass: ForwardPass) -> MethodScores:
        """Return the scores of every image of the batch, from 1 + P forward passes each (fewer for windows)."""
        removed = windows(forward_pass.grid, self.window)
        values = [self._drops(forward_pass, image, removed) for image in range(len(forward_pass.pixels))]
        return MethodScores(
            values=np.stack(values),
            unit=f"drop of the target's {self.of if self.of == 'probability' else forward_pass.quantity}",
            layers=forward_pass.all_layers,
            signed=True,
        )

    def _drops(
        self, forward_pass: ForwardPass, image: int, removed: Tensor
    ) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        # The untouched image runs through the model as the others do, so that removing nothing drops nothing.
        variants = torch.cat((torch.zeros_like(removed[:1]), removed))
        outputs = forward_pass.once(
            ("blank-out", image, self.fill, self.window),
            lambda: outputs_without(forward_pass, image, variants, self.fill),
        )
        measured = forward_pass.answer if self.of == "probability" else forward_pass.of_target
        found = measured(outputs, image).cpu()
        covers = removed.float()
        drops = (found[0] - found[1:]) @ covers / covers.sum(0)
        return drops.numpy()


def windows(grid: TokenGrid, side: int) -> Tensor:
    """Return (K, P), bool: every square of side x side patches that lies in the grid, row by row."""
    require_window(side, grid)
    tops, lefts = grid.rows - side + 1, grid.cols - side + 1
    found = torch.zeros(tops, lefts, grid.rows, grid.cols, dtype=torch.bool)
    for top in range(tops):
        for left in range(lefts):
            found[top, left, top : top + side, left : left + side] = True
    return found.view(tops * lefts, grid.patches)
