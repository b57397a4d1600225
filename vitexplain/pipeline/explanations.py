"""From methods and targets to the explanations of each image: one forward pass, one backward pass a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitexplain.methods import Method, MethodScores, canonical_spec, options_of
from vitexplain.pipeline.targets import Targets
from vitexplain.pipeline.variants import AS_THEY_ARE, Scored, Variants
from vitexplain.render.heatmap import indistinct
from vitexplain.result import Explanation, Target

_FEW = 0.01
"""A smaller share of patches above the middle of the colour scale leaves the others dark."""

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.forward_pass import ForwardPass
    from vitexplain.models import LoadedModel
    from vitexplain.tokens import TokenGrid


def explanations(
    forward_pass: ForwardPass,
    methods: Sequence[Method],
    targets: Targets | None,
    count: int,
    variants: Variants = AS_THEY_ARE,
) -> list[tuple[Explanation, ...]]:
    """Return the explanations of the first `count` images: method by method, target by target, variant by variant."""
    made: dict[tuple[int, int], tuple[list[Scored], Tensor | None]] = {}
    for place, method in enumerate(methods):
        if "target" not in method.needs:
            made[place, 0] = variants.of(method, forward_pass), None
    if targets is not None:
        assert forward_pass.logits is not None
        for number, classes in enumerate(targets.of(forward_pass.logits)):
            against = None if targets.against is None else torch.full_like(classes, targets.against)
            view = forward_pass.for_target(classes, against)
            for place, method in enumerate(methods):
                if "target" in method.needs:
                    made[place, number] = variants.of(method, view), classes

    def named(classes: Tensor | None, image: int) -> Target | None:
        if classes is None or targets is None:
            return None
        against = None if targets.against is None else _target(targets.against, forward_pass.model)
        return _target(int(classes[image]), forward_pass.model, against)

    return [
        tuple(
            _explanation(variant, scores, image, forward_pass.grid, named(classes, image))
            for _, (scored, classes) in sorted(made.items(), key=lambda item: item[0])
            for variant, scores in scored
        )
        for image in range(count)
    ]


def _target(index: int, model: LoadedModel, against: Target | None = None) -> Target:
    labels = model.labels
    return Target(index, labels.name(index) if labels else None, labels.id(index) if labels else None, against)


def _explanation(
    method: Method, scores: MethodScores, index: int, grid: TokenGrid, target: Target | None
) -> Explanation:
    values = scores.values[index].reshape(grid.rows, grid.cols)
    cut_layers = None
    if scores.cut_layers:
        flat = scores.cut_layers[index]
        cut_layers = tuple(flat[row * grid.cols : (row + 1) * grid.cols] for row in range(grid.rows))
    return Explanation(
        method=method.name,
        spec=canonical_spec(method),
        options=options_of(method),
        scores=values,
        unit=scores.unit,
        layers=scores.layers,
        source=scores.source,
        target=target,
        statistics={**_spread(values), **(scores.statistics[index] if scores.statistics else {})},
        notices=(*(scores.notices[index] if scores.notices else ()), *_notices(values, scores.signed)),
        cut_layers=cut_layers,
        signed=scores.signed,
    )


def _notices(grid: np.ndarray[Any, np.dtype[Any]], signed: bool) -> tuple[str, ...]:
    """Say what a reader of the picture would take for more than it is: equal scores, or one that hides the others."""
    low, high = float(grid.min()), float(grid.max())
    if indistinct(low, high):
        return ("all scores are equal: there is nothing to see",)
    above = int((grid > (low + high) / 2).sum())
    if signed or above > _FEW * grid.size:
        return ()
    most = f"{float(np.quantile(grid, 1 - 2 * _FEW)):.2g}"
    return (
        f"the colour scale is stretched by {above} of {grid.size} patches, so that the others look alike: tell them "
        f"apart with `scale=({low:.2g}, {most})`",
    )


def _spread(grid: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float | None]:
    """Return the entropy in bits of non-negative scores taken as shares; null where they have none."""
    values = grid.astype(np.float64).ravel()
    total = values.sum()
    if (values < 0).any() or total <= 0:
        return {"entropy": None}
    shares = values[values > 0] / total
    return {"entropy": float(-(shares * np.log2(shares)).sum())}
