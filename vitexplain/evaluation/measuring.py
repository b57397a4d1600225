"""One image's scores: every method, and every reference, from one forward pass and one backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import Method, canonical_spec, gradients_asked, has_layers, options_of, scores_by_layer
from vitexplain.models import LoadedModel
from vitexplain.pipeline.reference import Reference
from vitexplain.pipeline.targets import Targets
from vitexplain.result import require_finite

Arrays = Mapping[str, npt.NDArray[Any]]
"""The arrays kept of one image, by name."""

FACTS = "image"

NO_CLASS = 0
"""What stands for the class where likeness to a reference is explained."""


@dataclass(frozen=True)
class Facts:
    """What is known of an image before any score: its grid, the model's number of layers, the class explained."""

    rows: int
    cols: int
    layers: int
    target: int

    @classmethod
    def of(cls, arrays: Arrays) -> Facts:
        """Return the facts that are kept among an image's arrays."""
        return cls(*(int(value) for value in arrays[FACTS]))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.rows, self.cols


def score_name(method: Method, layer: int) -> str:
    """Return the name under which a method's scores, on the graph cut off after `layer`, are kept."""
    return f"scores {canonical_spec(method)} {layer}"


def layer_numbers(method: Method, layers: int, *, by_layer: bool) -> tuple[int, ...]:
    """Return the layers after which the graph is cut off; only the last if the method has no layers."""
    first, last = (options_of(method).get("layers") if has_layers(method) else None) or (1, layers)
    return tuple(range(first, last + 1)) if by_layer and has_layers(method) else (last,)


def score_at(arrays: Arrays, method: Method, layer: int, layers: int) -> npt.NDArray[Any]:
    """Return the scores (P,) on the graph cut off after `layer`: the method's only ones if it has no layers."""
    return arrays[score_name(method, layer if has_layers(method) else layers)]


def last_scores(arrays: Arrays, method: Method, layers: int) -> npt.NDArray[Any]:
    """Return the scores (P,) on the whole graph that the method looks at."""
    (last,) = layer_numbers(method, layers, by_layer=False)
    return arrays[score_name(method, last)]


def missing(arrays: Arrays, wanted: Mapping[Method, bool]) -> dict[Method, bool]:
    """Return which of the methods `wanted` have no scores among the arrays yet, and whether they are by layer."""
    facts = Facts.of(arrays) if FACTS in arrays else None
    return {
        method: by_layer
        for method, by_layer in wanted.items()
        if facts is None
        or any(
            score_name(method, layer) not in arrays for layer in layer_numbers(method, facts.layers, by_layer=by_layer)
        )
    }


def measure(
    model: LoadedModel, pixels: Tensor, image: str, methods: Mapping[Method, bool], targets: Targets | Reference
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of one image, pixels (1, 3, H, W), for the methods given and whether they are by layer."""
    forward_pass = made_for(methods, model, pixels, image)
    target = NO_CLASS
    if isinstance(targets, Reference):
        forward_pass = forward_pass.for_reference(targets.embedding)
    else:
        assert forward_pass.logits is not None
        forward_pass = forward_pass.for_target(targets.of(forward_pass.logits)[0])
        target = int(forward_pass.target[0])
    grid, layers = forward_pass.grid, forward_pass.layers
    arrays: dict[str, npt.NDArray[Any]] = {FACTS: np.array([grid.rows, grid.cols, layers, target])}
    for method, by_layer in methods.items():
        if by_layer and has_layers(method):
            found = scores_by_layer(method, forward_pass)
        else:
            (last,) = layer_numbers(method, layers, by_layer=False)
            found = {last: method(forward_pass)}
        for layer, scores in found.items():
            require_finite(canonical_spec(method), scores.values)
            arrays[score_name(method, layer)] = scores.values[0]
    return arrays


def made_for(methods: Iterable[Method], model: LoadedModel, pixels: Tensor, image: str) -> ForwardPass:
    """Return a forward pass that keeps what the methods will ask for."""
    fusions = {fusion for method in methods for fusion in method.fusions}
    keys = (image,) * len(pixels)
    return ForwardPass(model, pixels, fusions, keys, gradients=gradients_asked(methods))
