"""Checks of models whose answer is a known function of the patches that are there: every number by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.small import tiny
from tests.pipeline.test_targets import model, picture
from vitexplain import explain, load_model
from vitexplain.errors import ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_methods
from vitexplain.pipeline import PictureCheck, Request
from vitexplain.pipeline.picture_check import DRAWS
from vitexplain.result import (
    Check,
    Similarity,
    Target,
    check_notice,
    check_sentences,
    check_title,
    check_verdict,
    checked_rows,
    class_names,
)
from vitexplain.result.check import Answers as Answered

PATCHES = 16
Answers = Callable[[Tensor], Tensor]
"""From the patches that are there, bool (K, 16), to the model's outputs (K, C)."""


class Known:
    """A real network of 4 x 4 patches that answers as a function says; `pictures` counts what it was asked."""

    def __init__(self, network: Any, answers: Answers) -> None:
        self._network, self._answers, self.pictures = network, answers, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def __call__(self, pixels: Tensor) -> Tensor:
        """White patches are there, black ones were removed."""
        self.pictures += len(pixels)
        there = torch.nn.functional.avg_pool2d(pixels.mean(1), 8).flatten(1) > 0
        return self._answers(there)


def asked(answers: Answers, activation: str = "softmax", key: str = "a") -> ForwardPass:
    loaded = load_model(tiny(), activation=activation)
    known = replace(loaded, network=Known(loaded.network, answers))  # type: ignore[arg-type]
    white = torch.full((1, 3, 32, 32), 1.0)
    return ForwardPass(known, white, image_keys=(key,))


def check_of(
    answers: Answers,
    order: list[int] | None = None,
    target: Target | None = None,
    activation: str = "softmax",
    **settings: Any,
) -> Check:
    """Check scores in this order of patches, patch 0 first by default, for class 0."""
    scores = np.zeros(PATCHES)
    scores[order or list(range(PATCHES))] = np.arange(PATCHES, 0, -1)
    target = target or Target(0, "koala", None)
    forward_pass = asked(answers, activation).for_target(torch.tensor([target.index]))
    return PictureCheck(fill="black", **settings).of(forward_pass, 0, scores.reshape(4, 4), target)


def first_class(kept: Callable[[Tensor], Tensor]) -> Answers:
    """Return a model for which class 0 is the most probable one where `kept` (K,) says so."""
    return lambda there: torch.stack([kept(there).float() * 4 - 2, *[torch.zeros(len(there))] * 4], 1)


def test_the_set_that_is_needed_is_found() -> None:
    """Patches 3 and 7 together make the class: the first and the fifth in the order."""
    order = [7, 1, 0, 2, 3, *range(4, 7), *range(8, 16)]
    check = check_of(first_class(lambda there: there[:, 3] & there[:, 7]), order, share=0.25)
    assert check.keeps == "most-probable"
    assert check.sufficient == ((1, 3), (0, 1), (0, 0), (0, 2), (0, 3))
    assert check.changes == 1
    high = float(torch.tensor([2.0, 0, 0, 0, 0]).softmax(0)[0])
    low = float(torch.tensor([-2.0, 0, 0, 0, 0]).softmax(0)[0])
    assert (check.whole, check.empty) == pytest.approx((high, low)) and check.patches == 4
    assert check.removed.highest == check.kept.highest == check.kept.lowest == pytest.approx(low)
    assert check.removed.lowest == pytest.approx(high)
    assert len(check.removed.random) == len(check.kept.random) == DRAWS
    outlined = check.outlined(4, 4)
    assert outlined.sum() == 5 and outlined.ravel()[[7, 1, 0, 2, 3]].all()


@pytest.mark.parametrize("needed", range(1, PATCHES + 1))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_every_number_of_needed_patches_is_found_by_bisection(needed: int, share: float) -> None:
    """The class lives on any `needed` patches."""
    check = check_of(first_class(lambda there: there.sum(1) >= needed), share=share)
    assert len(check.sufficient) == needed
    assert check.changes == PATCHES - needed + 1


def test_where_the_answer_comes_and_goes_one_patch_fewer_is_not_enough() -> None:
    """1, 2, 6, 7, 8 or 16 of the first patches keep the class; so found: a number that keeps it, and one less not."""
    keeping = {1, 2, 6, 7, 8, 16}
    check = check_of(first_class(lambda there: torch.tensor([int(n) in keeping for n in there.sum(1)])), share=0.25)
    enough, lost = len(check.sufficient), check.changes
    assert lost is not None
    assert enough in keeping and enough - 1 not in keeping
    assert PATCHES - lost not in keeping and PATCHES - lost + 1 in keeping


def test_all_patches_or_none() -> None:
    everything = check_of(first_class(lambda there: there.all(1)))
    assert (len(everything.sufficient), everything.changes) == (PATCHES, 1)
    nothing = check_of(first_class(lambda there: there.any(1) | True))
    assert (nothing.sufficient, nothing.changes) == ((), None)
    words = check_sentences(nothing, {0: "koala"}, PATCHES)
    assert "No patch is needed to keep koala the most probable class: an empty picture does" in words
    assert "All 16 patches are needed" in check_sentences(everything, {0: "koala"}, PATCHES)


def test_a_class_that_is_not_predicted_keeps_half_of_what_the_picture_adds() -> None:
    """Class 0's logit grows by 0.1 a patch, below class 1's 3."""

    def answers(there: Tensor) -> Tensor:
        return torch.stack([0.1 * there.sum(1), torch.full((len(there),), 3.0)], 1)

    check = check_of(answers)
    shares = [float(torch.tensor([0.1 * n, 3.0]).softmax(0)[0]) for n in range(PATCHES + 1)]
    half = (shares[0] + shares[-1]) / 2
    assert check.keeps == "half-way" and check.of == "probability"
    assert len(check.sufficient) == next(n for n, share in enumerate(shares) if share >= half)


def test_sigmoids_stay_on_their_side_of_one_half() -> None:
    def answers(there: Tensor) -> Tensor:
        return torch.stack([there.sum(1) - 5.5, there.sum(1) - 20.0, there.sum(1) * 1.0], 1)

    above = check_of(answers, activation="sigmoid")
    assert (above.keeps, len(above.sufficient), above.changes) == ("above-0.5", 6, 11)
    below = check_of(answers, target=Target(1, None, None), activation="sigmoid")
    assert below.keeps == "half-way"
    values = check_of(answers, activation="none")
    assert (values.keeps, values.of, values.whole, values.empty) == ("half-way", "value", 10.5, -5.5)
    assert len(values.sufficient) == 8
    assert ("the 2 highest", "8.5", "-3.5") in checked_rows(values)


def test_likeness_to_a_reference() -> None:
    def answers(there: Tensor) -> Tensor:
        return torch.stack([there.sum(1).float(), 16.0 - there.sum(1)], 1)

    forward_pass = asked(answers).for_reference(torch.tensor([[1.0, 0.0]]))
    scores = np.arange(PATCHES, 0, -1.0).reshape(4, 4)
    check = PictureCheck(fill="black").of(forward_pass, 0, scores, Similarity("a/b.jpg", "0" * 64, 1.0))
    assert (check.of, check.whole, check.empty, check.keeps) == ("similarity", 1.0, 0.0, "half-way")
    expected = next(n for n in range(17) if n / np.hypot(n, 16 - n) >= 0.5)
    assert len(check.sufficient) == expected
    assert check_sentences(check, {}, PATCHES).startswith("Without its 2 highest patches likeness to b.jpg (1.000) ")


def test_random_draws_belong_to_the_image_and_the_seed() -> None:
    weights = torch.arange(1.0, PATCHES + 1)

    def drawn(key: str, seed: int) -> tuple[float, ...]:
        forward_pass = asked(
            lambda there: torch.stack([there.float() @ weights, weights.new_zeros(len(there))], 1), "none", key
        )
        scores = np.arange(PATCHES, 0, -1.0).reshape(4, 4)
        seen = forward_pass.for_target(torch.tensor([0]))
        return PictureCheck(0.25, "black", seed).of(seen, 0, scores, Target(0, None, None)).removed.random

    assert drawn("a", 0) == drawn("a", 0)
    assert len({drawn("a", 0), drawn("b", 0), drawn("a", 1)}) == 3
    assert len(set(drawn("a", 0))) > 4


def test_the_random_draws_are_paid_for_once() -> None:
    forward_pass = asked(first_class(lambda there: there.sum(1) > 4))
    known: Any = forward_pass.model.network
    scores = np.arange(PATCHES, 0, -1.0).reshape(4, 4)
    for number, expected in enumerate([2 + 2 * DRAWS + 4, 4]):
        before = known.pictures
        PictureCheck(fill="black").of(
            forward_pass.for_target(torch.tensor([0])), 0, scores[::-1] if number else scores, Target(0, None, None)
        )
        assert expected < known.pictures - before <= expected + 2 * 4


def test_a_map_that_does_no_better_than_random_says_so() -> None:
    """Only patch 15 matters: a map that has it first beats random sets, one that has it last does not."""
    answers = first_class(lambda there: there[:, 15])
    good = check_of(answers, list(range(15, -1, -1)))
    assert good.beats_random and check_notice(good) is None
    bad = check_of(answers)
    assert not bad.beats_random
    notice = check_notice(bad)
    assert notice is not None
    assert notice.startswith(
        "this map does no better than random patches: without its 2 highest patches the answer is 64.9%"
    )
    equal = check_of(lambda there: torch.ones(len(there), 5))
    assert not equal.beats_random


def given_check(whole: float, without: float, alone: float, **changes: Any) -> Check:
    """Return a check of class 0 whose random sets leave half of the way to an empty picture's 0."""
    draws = (whole / 2,) * 3
    removed, kept = Answered(without, draws, whole), Answered(alone, draws, 0.0)
    found = Check(
        Target(0, "koala", None), "probability", "mean", 0, 0.1, 2, whole, 0.0, removed, kept, "half-way", (), 1
    )
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("without", "alone", "verdict"),
    [
        (0.1, 0.9, "its highest patches matter more than random ones, both removed and kept alone."),
        (0.1, 0.2, "removed, its highest patches matter more than random ones; kept alone, they do not."),
        (0.7, 0.9, "kept alone, its highest patches matter more than random ones; removed, they do not."),
        (0.7, 0.2, "this map does no better than random patches, neither removed nor kept alone."),
    ],
)
def test_each_half_has_its_verdict(without: float, alone: float, verdict: str) -> None:
    assert check_verdict(given_check(0.9, without, alone)) == f"Verdict: {verdict}"


@pytest.mark.parametrize(
    ("whole", "without", "empty", "expected"),
    [
        (0.625, 0.630, 0.6, "hardly changes (62.5% to 63.0%)"),
        (0.625, 0.640, 0.6, "rises from 62.5% to 64.0%"),
        (0.9, 0.85, 0.0, "falls from 90.0% to 85.0%"),
        (0.9, 0.86, 0.0, "hardly changes (90.0% to 86.0%)"),
        (0.9, 0.90001, 0.0, "stays at 90.0%"),
    ],
)
def test_a_small_change_is_called_one(whole: float, without: float, empty: float, expected: str) -> None:
    check = given_check(whole, without, 0.0, empty=empty)
    assert check_sentences(check, {0: "koala"}, PATCHES).startswith(f"Without its 2 highest patches koala {expected};")


def test_what_lowers_a_class_is_told_by_the_class_and_a_difference_has_no_direction() -> None:
    lowers = given_check(0.4, 0.3, 0.9, target=Target(0, "koala", None, lowers=True))
    names = {0: "koala", 1: "pig"}
    assert checked_rows(lowers)[0] == ("the 2 highest", "70.0%", "10.0%")
    words = check_sentences(lowers, names, PATCHES)
    assert words.startswith("Without its 2 highest patches koala rises from 60.0% to 70.0%;")
    assert check_title(lowers, names) == "what lowers koala (answers: koala)"
    against = Target(0, "koala", None, Target(1, "pig", None))
    words = check_sentences(given_check(-0.2, 0.1, 0.0, target=against), names, PATCHES)
    assert words.startswith("Without its 2 highest patches koala minus pig goes from -20.0% to 10.0%;")


def test_words() -> None:
    check = check_of(first_class(lambda there: there[:, :3].all(1)), share=0.25)
    words = check_sentences(check, {0: "koala"}, PATCHES)
    mean = check.removed.mean
    assert words == (
        f"Without its 4 highest patches koala falls from 64.9% to 3.3%; without 4 random ones it falls from 64.9% to "
        f"{mean:.1%}. The 3 highest patches (19%) suffice to keep koala the most probable class; without its highest "
        "patch it is not."
    )
    assert checked_rows(check)[0] == ("the 4 highest", "3.3%", "64.9%")
    assert checked_rows(check)[-1] == ("all", "3.3%", "64.9%")


def test_from_the_request_to_the_result() -> None:
    result = explain(model(), picture(), ["rollout", "relevance"], target="pig", check=PictureCheck(0.3, seed=2))
    rollout, relevance = (each.check for each in result.explanations)
    assert rollout is not None and relevance is not None
    assert isinstance(rollout.target, Target) and rollout.target.index == result.predictions[0].index
    assert relevance.target == result.explanations[1].target
    assert rollout.patches == 3 and rollout.seed == 2
    assert rollout.whole == pytest.approx(result.predictions[0].probability, abs=1e-5)
    assert explain(model(), picture(), ["rollout"]).explanations[0].check is None
    again = explain(model(), picture(), ["rollout", "relevance"], target="pig", check=PictureCheck(0.3, seed=2))
    assert [each.check for each in again.explanations] == [rollout, relevance]


def test_the_check_is_the_models_own_answer_without_these_patches() -> None:
    """Against pixels changed by hand."""
    loaded, image = model(), picture()
    result = explain(loaded, image, ["relevance"], check=PictureCheck(0.3, "black"))
    check, scores = result.explanations[0].check, result.explanations[0].scores
    assert check is not None and isinstance(check.target, Target)
    pixels = torch.from_numpy(np.asarray(image.resize((12, 12), 3), np.float32) / 255).permute(2, 0, 1)[None] * 2 - 1
    for patch in np.argsort(-scores.ravel())[:3]:
        row, col = divmod(int(patch), 3)
        pixels[:, :, 4 * row : 4 * row + 4, 4 * col : 4 * col + 4] = -1
    with torch.inference_mode():
        expected = loaded.network(pixels).softmax(-1)[0, check.target.index]
    assert check.removed.highest == pytest.approx(float(expected), abs=1e-5)


def test_models_without_classes() -> None:
    features = model(num_classes=0)
    with pytest.raises(ModelError, match=r"returns no classes: give a picture to compare with as `reference_image=`"):
        explain(features, picture(), ["rollout"], check=True)
    result = explain(features, picture(), ["rollout"], reference_image=picture(1), check=True)
    check = result.explanations[0].check
    assert check is not None and check.of == "similarity" and isinstance(check.target, Similarity)
    assert check.whole == pytest.approx(check.target.value, abs=1e-5)
    assert result.explanations[0].target is None


def test_what_is_not_valid() -> None:
    for share in (0, 1, -0.1, 1.5, float("nan"), True):
        with pytest.raises(UsageError, match=r"`check_share=.*` is not valid: expected a share of the patches"):
            PictureCheck(share)
    with pytest.raises(UsageError, match="fill 'grey' is not valid"):
        PictureCheck(fill="grey")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"check 0\.1 is not valid"):
        explain(model(), picture(), check=0.1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="`check=` is given beside a request"):
        explain(model(), picture(), Request(parse_methods("rollout")), check=True)
    with pytest.raises(UsageError, match=r"`outline=True` draws the patches that a check found"):
        explain(model(), picture(), ["rollout"]).overlay(outline=True)
    assert explain(model(), picture(), ["rollout"], check=True).overlay(outline=True).size == (640, 640)
    assert class_names([]) == {}
