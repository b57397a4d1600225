"""Stability: the changes themselves, and the scores under them one by one (seconds)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.evaluation import evaluate
from vitexplain.evaluation.inputs import digest, look
from vitexplain.evaluation.metrics.stability import largest_change, shaken
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec


def test_noise_and_shifts() -> None:
    pixels = torch.arange(3 * 5 * 6.0).view(1, 3, 5, 6)
    found = shaken(pixels, 0, "image")
    noise = found[:4] - pixels
    assert float(noise.std()) == pytest.approx(0.05, rel=0.1)
    assert not torch.equal(noise[0], noise[1])
    for down, right, variant in ((0, 2, 4), (0, -2, 5), (2, 0, 6), (-2, 0, 7)):
        for row in range(5):
            for col in range(6):
                at = min(max(row - down, 0), 4), min(max(col - right, 0), 5)
                assert torch.equal(found[variant, :, row, col], pixels[0, :, at[0], at[1]])
    assert torch.equal(shaken(pixels, 0, "image"), found)
    assert not torch.equal(shaken(pixels, 1, "image")[:4], found[:4])


def test_the_largest_relative_change() -> None:
    scores = np.array([3.0, 4.0])
    assert largest_change(scores, np.array([[3.0, 4.0], [3.0, 1.5], [3.5, 4.0]])) == pytest.approx(0.5)
    assert np.isnan(largest_change(np.zeros(2), np.ones((1, 2))))


def test_each_change_alone_gives_the_same(tmp_path: Path) -> None:
    model, (image,) = tiny_loaded(), pictures(tmp_path, 1)
    asked = question("rollout", "relevance", metrics=("stability",), references=())
    evaluation = evaluate(model, [image], asked)
    pixels = look(image.read(), image.path, model, asked).pixels
    target = ForwardPass(model, pixels).target
    for spec in ("rollout", "relevance"):
        every = [
            parse_spec(spec)(ForwardPass(model, each, parse_spec(spec).fusions, ("x",)).for_target(target)).values[0]
            for each in (pixels, *torch.split(shaken(pixels, 0, digest(image.read())), 1))
        ]
        rank = np.mean([spearmanr(every[0], changed).statistic for changed in every[1:]])
        change = max(np.linalg.norm(changed - every[0]) / np.linalg.norm(every[0]) for changed in every[1:])
        rows = {row.cell.metric: row.mean for row in evaluation.rows if row.cell.method == spec}
        assert rows["stability"] == pytest.approx(rank, abs=1e-3)
        assert rows["stability_change"] == pytest.approx(change, rel=1e-3)
