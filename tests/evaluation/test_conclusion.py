"""Conclusions in words, of rows made by hand (no model; a second)."""

from __future__ import annotations

import numpy as np

from tests.evaluation.small_images import question
from vitexplain.evaluation import Evaluation
from vitexplain.evaluation.candidates import compared
from vitexplain.evaluation.cells import Cell
from vitexplain.evaluation.conclusion import conclusions
from vitexplain.evaluation.rows import differences, from_best, rows_of


def concluded(count: int, means: dict[str, float], metric: str = "insertion_minus_deletion") -> list[str]:
    """Return the sentences about methods with these means over so many images, each with noise of 0.01."""
    random = np.random.default_rng(5)
    values = {
        Cell(metric, None, name, 12): list(mean + 0.01 * random.normal(size=count)) for name, mean in means.items()
    }
    controls = compared(values)
    paired = differences(values, controls) | from_best(values, controls)
    images = {str(number): "" for number in range(count)}
    asked = question("raw", metrics=("deletion", "insertion"), references=())
    return conclusions(Evaluation(asked, "model", tuple(rows_of({**values, **paired}, seed=0)), images))


CONTROLS = {"random": 0.0, "centre": 0.2}


def test_the_best_and_those_no_better_than_a_control() -> None:
    (said,) = concluded(200, {"a": 0.5, "b": 0.3, "c": 0.19, **CONTROLS})
    assert said == (
        "By insertion minus deletion, on these 200 images a is best; c is not better than the centre of the picture."
    )


def test_methods_that_cannot_be_told_apart() -> None:
    (said,) = concluded(30, {"a": 0.5, "b": 0.5, "c": 0.3, **CONTROLS})
    names = {"a and b are best and not distinguishable", "b and a are best and not distinguishable"}
    assert any(
        said == f"By insertion minus deletion, on these 30 images {each}; all are better than every control."
        for each in names
    )


def test_lower_is_better_where_it_is() -> None:
    (said,) = concluded(30, {"a": 0.1, "b": 0.15, "c": 0.6, "random": 0.5, "centre": 0.3}, "deletion")
    assert said == "By deletion, on these 30 images a is best; c is not better than the centre of the picture."


def test_one_method_is_compared_with_controls_only() -> None:
    (said,) = concluded(30, {"a": 0.5, **CONTROLS})
    assert said == "By insertion minus deletion, on these 30 images a is better than every control."


def test_none_at_all_is_not_best() -> None:
    (said,) = concluded(30, {"a": 0.1, "b": 0.15, **CONTROLS})
    assert said.endswith("on these 30 images none of the methods is better than the centre of the picture.")
    (said,) = concluded(30, {"a": 0.1, **CONTROLS})
    assert said.endswith("on these 30 images a is not better than the centre of the picture.")


def test_too_few_images_say_nothing() -> None:
    (said,) = concluded(19, {"a": 0.5, "b": 0.3, **CONTROLS})
    assert said == "By insertion minus deletion, 19 images are too few to tell (at least 20)."


def test_a_map_of_another_image_is_a_control_of_all() -> None:
    (said,) = concluded(30, {"a": 0.5, "b": 0.3, "a@other": 0.4, "random": 0.0})
    assert said.endswith("a is best; b is not better than a map of another image.")
