"""The deletion of one picture against a literal loop, and against the judge's curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.evaluation.literal_removal import literal_probability, pass_of_a_picture, scores
from vitexplain.evaluation.metrics.deletion_insertion import removal_curves
from vitexplain.evaluation.removal import Removals, ranked
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.deletion import deletion_of
from vitexplain.methods.fills import FillName
from vitexplain.methods.random import Random

KEY = "a picture"
STEPS = 5


@pytest.fixture
def asked(tmp_path: Path) -> ForwardPass:
    """The pass of a small picture of 4 x 4 patches, for class 3."""
    forward_pass = pass_of_a_picture(tmp_path)
    forward_pass.image_keys = (KEY,)
    return forward_pass


def test_the_answers_are_those_of_a_literal_loop(asked: ForwardPass) -> None:
    given = scores()
    found = deletion_of(asked, 0, given, STEPS, "mean", 0)
    counts = (0, 3, 6, 10, 13, 16)
    highest = sorted(range(16), key=lambda patch: -given[patch])
    drawn = Random(0).draw(KEY, 16)
    at_random = sorted(range(16), key=lambda patch: -drawn[patch])
    for step, count in enumerate(counts):
        assert np.flatnonzero(found.removed[step]).tolist() == sorted(highest[:count])
        assert found.answers[step] == pytest.approx(literal_probability(asked, highest[:count]), rel=1e-5)
        assert found.random[step] == pytest.approx(literal_probability(asked, at_random[:count]), rel=1e-5)
    assert found.answers[0] == found.random[0] and found.answers[-1] == found.random[-1]
    assert (found.of, found.fill, found.seed) == ("probability", "mean", 0)


@pytest.mark.parametrize("fill", ["mean", "blur", "black", "drop"])
def test_the_answers_are_the_curve_of_the_judge(asked: ForwardPass, fill: FillName) -> None:
    given = np.repeat(scores()[:4], 4)  # with ties
    found = deletion_of(asked, 0, given, STEPS, fill, 7)
    order = ranked(given, 7, KEY)
    ((judged, _), _) = removal_curves(Removals(asked, fill), order, order, STEPS)
    np.testing.assert_allclose(found.answers, judged, rtol=1e-5)


def test_what_replaces_patches_as_a_picture(asked: ForwardPass) -> None:
    preprocess = asked.model.preprocess
    std, mean = (torch.tensor(each).view(3, 1, 1) for each in (preprocess.std, preprocess.mean))
    shown = ((asked.pixels[0] * std + mean) * 255).permute(1, 2, 0).numpy()
    flat = deletion_of(asked, 0, scores(), 1, "mean", 0).instead
    assert flat is not None and flat.shape == shown.shape
    np.testing.assert_allclose(flat, np.broadcast_to(shown.mean((0, 1)), shown.shape), atol=0.51)
    black = deletion_of(asked, 0, scores(), 1, "black", 0).instead
    assert black is not None and not black.any()
    blurred = deletion_of(asked, 0, scores(), 1, "blur", 0).instead
    assert blurred is not None and 0 < blurred.std() < shown.std()
    assert deletion_of(asked, 0, scores(), 1, "drop", 0).instead is None


def test_more_steps_than_patches(asked: ForwardPass) -> None:
    found = deletion_of(asked, 0, scores(), 40, "black", 0)
    assert found.answers.shape == (41,) and (np.diff(found.removed.sum(1)) <= 1).all()
