"""From methods and targets to the explanations of each image: one forward pass, one backward pass a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitexplain.attention import Fusion
from vitexplain.errors import UsageError
from vitexplain.methods import Method, MethodScores, canonical_spec, options_of
from vitexplain.models.targets import Targets, resolve_targets
from vitexplain.render.heatmap import indistinct
from vitexplain.result import Explanation, Target

FULL_PRECISION = (torch.float32, torch.float64)
"""What gradients are computed in; anything less is too coarse for them."""

NO_PREDICTIONS = "model '{}' has no classifier: explained without predictions"
"""The notice of a result without predictions; takes the model's name."""
_FEW = 0.01
"""A smaller share of patches above the middle of the colour scale leaves the others dark."""

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.forward_pass import ForwardPass
    from vitexplain.models import LoadedModel
    from vitexplain.tokens import TokenLayout


Scored = tuple[Method, MethodScores]


def as_it_is(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    """Return the method itself with its scores."""
    return [(method, method(forward_pass))]


@dataclass(frozen=True)
class Variants:
    """What stands for each method: `of` returns variants of it with their scores, all from one forward pass.

    `fusions` are the head fusions that variants ask for beside those of the methods.
    """

    of: Callable[[Method, ForwardPass], list[Scored]]
    fusions: frozenset[Fusion] = frozenset()


AS_THEY_ARE = Variants(as_it_is)


def check_effect(methods: Sequence[Method], target: str | tuple[str, ...], against: str | None) -> None:
    """Raise UsageError if a target was asked for that none of the methods explains."""
    if target != "top1" or against is not None:
        require_class_method("target" if target != "top1" else "against", methods)


def require_class_method(option: str, methods: Sequence[Method]) -> None:
    """Raise UsageError if none of the methods explains a class, which `option` is about."""
    if not any("target" in method.needs for method in methods):
        chosen = ", ".join(dict.fromkeys(method.name for method in methods))
        raise UsageError(
            f"--{option} has no effect: none of the chosen methods ({chosen}) explains a class; add one that does, "
            "such as relevance, or give rollout:fusion=gradient"
        )


def require_flow(option: str, methods: Sequence[Method]) -> None:
    """Raise UsageError if none of the methods is a flow, which `option` is about."""
    if not any(method.name == "flow" for method in methods):
        raise UsageError(f"--{option} has no effect: none of the chosen methods is a flow; add --method flow")


def resolve(
    methods: Sequence[Method], target: str | tuple[str, ...], against: str | None, model: LoadedModel
) -> Targets | None:
    """Return the classes to explain, None where no method explains one.

    UsageError: a class that does not exist, or gradients in half precision; ModelError: a model without classifier.
    """
    if not any("target" in method.needs for method in methods):
        return None
    targets = resolve_targets(target, against, model)
    named = [canonical_spec(method) for method in methods if "gradients" in method.needs]
    if named and model.dtype not in FULL_PRECISION:
        raise UsageError(
            f"method '{named[0]}' needs gradients, which {str(model.dtype).removeprefix('torch.')} is too coarse for: "
            "use --dtype float32"
        )
    return targets


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
            _explanation(variant, scores, image, forward_pass.layout, named(classes, image))
            for _, (scored, classes) in sorted(made.items(), key=lambda item: item[0])
            for variant, scores in scored
        )
        for image in range(count)
    ]


def _target(index: int, model: LoadedModel, against: Target | None = None) -> Target:
    labels = model.labels
    return Target(index, labels.name(index) if labels else None, labels.id(index) if labels else None, against)


def _explanation(
    method: Method, scores: MethodScores, index: int, layout: TokenLayout, target: Target | None
) -> Explanation:
    grid = scores.values[index].reshape(layout.rows, layout.cols)
    cut_layers = None
    if scores.cut_layers:
        flat = scores.cut_layers[index]
        cut_layers = tuple(flat[row * layout.cols : (row + 1) * layout.cols] for row in range(layout.rows))
    return Explanation(
        method=method.name,
        spec=canonical_spec(method),
        options=options_of(method),
        scores=grid,
        unit=scores.unit,
        layers=scores.layers,
        source=scores.source,
        target=target,
        statistics={**_spread(grid), **(scores.statistics[index] if scores.statistics else {})},
        notices=(*(scores.notices[index] if scores.notices else ()), *_notices(grid, scores.signed)),
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
        f"apart with --scale {low:.2g}:{most}",
    )


def _spread(grid: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float | None]:
    """Return the entropy in bits of non-negative scores taken as shares; null where they have none."""
    values = grid.astype(np.float64).ravel()
    total = values.sum()
    if (values < 0).any() or total <= 0:
        return {"entropy": None}
    shares = values[values > 0] / total
    return {"entropy": float(-(shares * np.log2(shares)).sum())}
