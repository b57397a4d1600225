"""Model randomisation: scores under a model drawn anew from some layer upwards, and how like the true ones they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vitexplain.evaluation.correlation import spearman
from vitexplain.evaluation.measuring import Facts, layer_numbers, measure, score_name
from vitexplain.evaluation.question import Question
from vitexplain.evaluation.rows import Cell
from vitexplain.evaluation.store import Arrays
from vitexplain.methods import Method, canonical_spec
from vitexplain.models import LoadedModel
from vitexplain.pipeline.targets import Targets


def redrawn_missing(question: Question, arrays: Arrays, layer: int) -> list[Method]:
    """Return the methods whose scores under the model drawn anew from `layer` upwards are not kept yet."""
    return [method for method in question.methods if _name(question, method, layer) not in arrays]


def redrawn_arrays(
    redrawn: LoadedModel,
    pixels: Tensor,
    question: Question,
    image: str,
    layer: int,
    methods: Sequence[Method],
    target: int,
) -> dict[str, npt.NDArray[Any]]:
    """Return the scores of pixels (1, 3, H, W) under the model `redrawn`, for the class that the true one explained."""
    found = measure(redrawn, pixels, image, dict.fromkeys(methods, False), Targets(0, (target,)))
    layers = Facts.of(found).layers
    return {_name(question, method, layer): found[_last(method, layers)] for method in methods}


def redrawn_values(question: Question, arrays: Arrays) -> Iterator[tuple[Cell, float]]:
    """Yield for every method and layer the rank correlation with the true model's scores; NaN where undefined."""
    layers = Facts.of(arrays).layers
    for method in question.methods:
        true = arrays[_last(method, layers)]
        changed = np.stack([arrays[_name(question, method, layer)] for layer in range(1, layers + 1)])
        for layer, value in enumerate(spearman(changed, true[None])[:, 0], 1):
            yield Cell("randomisation", None, canonical_spec(method), layer), float(value)


def _name(question: Question, method: Method, layer: int) -> str:
    return f"redrawn {question.seed} {layer} {canonical_spec(method)}"


def _last(method: Method, layers: int) -> str:
    (last,) = layer_numbers(method, layers, by_layer=False)
    return score_name(method, last)
