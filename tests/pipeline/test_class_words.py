"""Classes as numbers, numpy's and torch's too, and lists of them, mean what their words mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.models.small import tiny
from vitexplain import explain
from vitexplain.errors import UsageError
from vitexplain.pipeline.targets import as_words
from vitexplain.result import Target

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
LABELS = ["ant", "bee", "cow", "doe", "elk"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("top3", "top3"),
        (3, "3"),
        (np.int64(3), "3"),
        (np.uint8(3), "3"),
        (torch.tensor(3), "3"),
        ([3, "bee"], ("3", "bee")),
        ((np.int32(1), 2), ("1", "2")),
        (range(2), ("0", "1")),
        (np.array([4, 0]), ("4", "0")),
        (torch.tensor([4, 0]), ("4", "0")),
        ([], ()),
    ],
)
def test_words(given: Any, words: object) -> None:
    assert as_words("target", given) == words


@pytest.mark.parametrize("given", [True, 0.5, None, b"ant", {"ant": 1}, [[1]], [0.5], object(), np.float32(1)])
def test_what_names_no_class(given: Any) -> None:
    with pytest.raises(UsageError, match=r"target .* is of type .*: expected an index, a label, or several"):
        explain(tiny(), PICTURE, target=given)


@pytest.mark.parametrize("target", [3, np.int64(3), torch.tensor(3), [3], "doe", "3"])
def test_a_class_explained(target: Any) -> None:
    result = explain(tiny(), PICTURE, ["relevance"], target=target, against=np.int16(1), labels=LABELS)
    (explanation,) = result.explanations
    assert isinstance(explanation.target, Target) and explanation.target.against is not None
    assert (explanation.target.index, explanation.target.label) == (3, "doe")
    assert explanation.target.against.label == "bee"


def test_several_classes_and_those_that_do_not_exist() -> None:
    result = explain(tiny(), PICTURE, ["relevance"], target=[4, "bee", np.int8(0)], labels=LABELS)
    assert [each.target.label for each in result.explanations if isinstance(each.target, Target)] == [
        "elk",
        "bee",
        "ant",
    ]
    for wrong in (5, [1, 7], -1, []):
        with pytest.raises(UsageError, match="target"):
            explain(tiny(), PICTURE, target=wrong)
    with pytest.raises(UsageError, match=r"against \[1, 2\] is of type list"):
        explain(tiny(), PICTURE, against=[1, 2])  # type: ignore[arg-type]
