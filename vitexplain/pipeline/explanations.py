"""From methods and targets to the explanations of each image: one forward pass, one backward pass a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitexplain.methods import Method, MethodScores, canonical_spec, options_of
from vitexplain.pipeline.large_tokens import large_tokens_notice
from vitexplain.pipeline.picture_check import PictureCheck
from vitexplain.pipeline.reference import Reference
from vitexplain.pipeline.targets import Targets
from vitexplain.pipeline.variants import AS_THEY_ARE, Scored, Variants
from vitexplain.render.drawing import indistinct
from vitexplain.result import STRETCHED, Explanation, Similarity, Target, check_notice, display_ends

_FEW = 0.01
"""A smaller share of patches above the middle of the colour scale leaves the others dark."""

if TYPE_CHECKING:
    from vitexplain.forward_pass import ForwardPass
    from vitexplain.models import LoadedModel


@dataclass(frozen=True)
class _Asked:
    """What stands for a method and a target: scores of a batch, what they explain, and of which images (None: all).

    `seen` is the forward pass that is asked about the target.
    """

    scored: list[Scored]
    explains: Sequence[Target | Similarity | None]
    seen: ForwardPass
    of: Sequence[bool] | None = None


def explanations(
    forward_pass: ForwardPass,
    methods: Sequence[Method],
    targets: Targets | Reference | None,
    count: int,
    variants: Variants = AS_THEY_ARE,
    check: PictureCheck | None = None,
) -> list[tuple[Explanation, ...]]:
    """Return the explanations of the first `count` images: method by method, target by target, variant by variant.

    With `check` each is checked on its own picture; one that explains no class for the most probable one, or for the
    likeness to the reference.
    """
    made: dict[tuple[int, int], _Asked] = {}
    seen = forward_pass
    likeness: list[Similarity] = []
    if isinstance(targets, Reference):
        seen = forward_pass.for_reference(targets.embedding)
        found = seen.of_target(forward_pass.output).tolist()
        likeness = [Similarity(targets.path, targets.sha256, value) for value in found[:count]]
    about_class = [(place, method) for place, method in enumerate(methods) if "target" in method.needs]
    for place, method in enumerate(methods):
        if "target" not in method.needs:
            made[place, 0] = _Asked(variants.of(method, forward_pass), [None] * count, seen)
    if isinstance(targets, Targets):
        for number, (view, explains, asked) in enumerate(_views(forward_pass, targets, count)):
            for place, method in about_class:
                made[place, number] = _Asked(variants.of(method, view), explains, view, asked)
    elif targets is not None:
        for place, method in about_class:
            made[place, 0] = _Asked(variants.of(method, seen), likeness, seen)
    return [
        tuple(
            explanation if check is None else _checked(explanation, check, asked.seen, image, likeness)
            for _, asked in sorted(made.items(), key=lambda item: item[0])
            if asked.of is None or asked.of[image]
            for variant, scores in asked.scored
            for explanation in [_explanation(variant, scores, image, forward_pass, asked.explains[image])]
        )
        for image in range(count)
    ]


def _views(
    forward_pass: ForwardPass, targets: Targets, count: int
) -> Iterator[tuple[ForwardPass, list[Target | None], list[bool]]]:
    """Yield the pass for each of the targets, the class of every image, and whether it is asked for there."""
    model, logits = forward_pass.model, forward_pass.logits
    assert logits is not None
    shares = model.probabilities(logits)
    other = None if targets.against is None else _target(targets.against, model)
    for classes in targets.of(logits[:count], shares[:count]):
        # A batch may be padded with copies of its last image.
        padded = torch.cat((classes, classes[-1:].expand(len(logits) - count)))
        against = None if targets.against is None else torch.full_like(padded, targets.against)
        named: list[Target | None] = [_target(int(index), model, other) for index in classes]
        yield forward_pass.for_target(padded, against), named, targets.is_asked(classes, shares[:count]).tolist()


def _target(index: int, model: LoadedModel, against: Target | None = None) -> Target:
    labels, lowers = model.labels, index < 0
    index = -1 - index if lowers else index
    return Target(index, labels.name(index) if labels else None, labels.id(index) if labels else None, against, lowers)


def _explanation(
    method: Method, scores: MethodScores, index: int, forward_pass: ForwardPass, target: Target | Similarity | None
) -> Explanation:
    grid = forward_pass.grid
    values = scores.values[index].reshape(grid.rows, grid.cols)
    cut_layers = None
    if scores.cut_layers:
        flat = scores.cut_layers[index]
        cut_layers = tuple(flat[row * grid.cols : (row + 1) * grid.cols] for row in range(grid.rows))
    stored = large_tokens_notice(forward_pass, index, method, values, signed=scores.signed)
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
        notices=(
            *(scores.notices[index] if scores.notices else ()),
            *_notices(values, scores.signed),
            *([stored] if stored else []),
        ),
        cut_layers=cut_layers,
        signed=scores.signed,
    )


def _checked(
    explanation: Explanation, check: PictureCheck, seen: ForwardPass, image: int, likeness: Sequence[Similarity]
) -> Explanation:
    """Return the explanation with its check, and a notice if it does no better than random patches."""
    target = explanation.target or (likeness[image] if likeness else _target(int(seen.target[image]), seen.model))
    found = check.of(seen, image, explanation.scores, target)
    notice = check_notice(found)
    return replace(explanation, check=found, notices=(*explanation.notices, *([notice] if notice else [])))


def _notices(grid: np.ndarray[Any, np.dtype[Any]], signed: bool) -> tuple[str, ...]:
    """Say what a reader of the picture would take for more than it is: equal scores, or one that hides the others."""
    if indistinct(float(grid.min()), float(grid.max())):
        return ("all scores are equal: there is nothing to see",)
    low, high = display_ends(grid, signed)
    above = int((grid > (low + high) / 2).sum())
    if signed or above > _FEW * grid.size:
        return ()
    return (
        f"{STRETCHED} by {above} of {grid.size} patches, so that the others look alike: tell them apart with "
        f"`percentile={100 * (1 - 2 * _FEW):g}`",
    )


def _spread(grid: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float | None]:
    """Return the entropy in bits of non-negative scores taken as shares; null where they have none."""
    values = grid.astype(np.float64).ravel()
    total = values.sum()
    if (values < 0).any() or total <= 0:
        return {"entropy": None}
    shares = values[values > 0] / total
    return {"entropy": float(-(shares * np.log2(shares)).sum())}
