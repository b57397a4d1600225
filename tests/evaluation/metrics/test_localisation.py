"""Energy, AUROC and pointing game by hand, by literal versions and by chance; from end to end on a tiny network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.errors import InputError, UsageError
from vitexplain.evaluation import Evaluation, GivenImage, evaluate, read_boxes
from vitexplain.evaluation.metrics.localisation import auroc, energy, pointing
from vitexplain.output import schema
from vitexplain.pipeline import explain

SHARES = np.array([0, 0, 0.25, 1, 0.75, 0.5, 0.4, 0])


def literal_auroc(scores: np.ndarray, shares: np.ndarray) -> float:
    """Count pairs of a patch of the object and one beside it."""
    wins = [
        1.0 if scores[one] > scores[other] else 0.5 if scores[one] == scores[other] else 0.0
        for one in range(len(scores))
        for other in range(len(scores))
        if shares[one] >= 0.5 > shares[other]
    ]
    return sum(wins) / len(wins)


@pytest.mark.parametrize("distinct", [2, 4, 1000])
def test_auroc_is_the_share_of_pairs(distinct: int) -> None:
    scores = np.random.default_rng(distinct).integers(-distinct, distinct, 8).astype(float)
    assert auroc(scores, SHARES) == pytest.approx(literal_auroc(scores, SHARES))


def test_a_map_equal_to_the_box_and_its_opposite() -> None:
    box = np.array([0, 1, 1, 0, 0, 0.0])
    assert auroc(box, box) == energy(box, box) == pointing(box, box) == 1
    assert auroc(1 - box, box) == energy(1 - box, box) == pointing(1 - box, box) == 0
    assert auroc(SHARES, SHARES) == 1


def test_by_hand() -> None:
    scores = np.array([-5.0, 1, 2, 3, 4, 0, 4, -1])
    assert energy(scores, SHARES) == pytest.approx((2 * 0.25 + 3 + 4 * 0.75 + 4 * 0.4) / 14)
    assert pointing(scores, SHARES) == pytest.approx((0.75 + 0.4) / 2), "two patches are highest"


def test_chance_is_the_area_and_a_half() -> None:
    random = np.random.default_rng(0)
    drawn = random.random((20_000, 8))
    means = [np.mean([measure(scores, SHARES) for scores in drawn]) for measure in (energy, pointing, auroc)]
    assert means == pytest.approx([SHARES.mean(), SHARES.mean(), 0.5], abs=0.01)


def test_what_has_no_value() -> None:
    nothing, everything = np.zeros(4), np.ones(4)
    scores = np.arange(4.0)
    assert np.isnan([energy(scores, nothing), pointing(scores, nothing), auroc(scores, nothing)]).all()
    assert np.isnan(auroc(scores, everything)) and np.isnan(energy(-scores, everything * 0.5))


METRICS = ("energy", "auroc", "pointing")


def wide_pictures(folder: Path) -> list[GivenImage]:
    """Return two pictures of 64 x 32 pixels, whose view is the square in the middle."""
    folder.mkdir()
    random = np.random.default_rng(3)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.integers(0, 256, (32, 64, 3), dtype=np.uint8)).save(folder / name)
    return [GivenImage(str(folder / name)) for name in ("a.png", "b.png")]


def judged(folder: Path, lines: str, images: list[GivenImage], **more: Any) -> Evaluation:
    table = folder / "boxes.tsv"
    table.write_text(lines)
    asked = question("raw", "relevance", metrics=METRICS, references=(), objects=read_boxes(table), **more)
    return evaluate(tiny_loaded(), images, asked, folder=folder / "out")


def mean(evaluation: Evaluation, metric: str, method: str) -> float | None:
    (row,) = [row for row in evaluation.rows if (row.cell.metric, row.cell.method) == (metric, method)]
    return row.mean


def sides_of_the_view(image: GivenImage) -> tuple[float, float]:
    box = explain(tiny_loaded(), image.path, "raw").to_record()["image"]["view"]["box"]
    return box[0], box[2]


def test_boxes_are_carried_through_the_view(tmp_path: Path) -> None:
    """The view lies in the middle of a picture of 64 x 32 pixels: a box that ends there is its left half."""
    images = wide_pictures(tmp_path / "in")
    found = judged(tmp_path, "a.png\tx\t16\t0\t31\t31\nb.png\tx\t0\t0\t31\t31\n", images)
    left = np.tile([1.0, 1, 0, 0], 4)
    for method in ("raw", "relevance"):
        scores = [explain(tiny_loaded(), image.path, method).explanations[0].scores.ravel() for image in images]
        for name, measure in (("energy", energy), ("auroc", auroc), ("pointing", pointing)):
            expected = np.mean([measure(each, left) for each in scores])
            assert mean(found, name, method) == pytest.approx(expected, abs=1e-5)
    assert mean(found, "energy", "chance") == mean(found, "pointing", "chance") == mean(found, "auroc", "chance") == 0.5
    for record in found.records():
        jsonschema.validate(record, schema("evaluation"))
        assert record["objects"] == "boxes"


def test_off_the_centre(tmp_path: Path) -> None:
    images = wide_pictures(tmp_path / "in")
    found = judged(tmp_path, "a.png\tx\t16\t0\t31\t31\nb.png\tx\t20\t4\t40\t30\n", images)
    (row,) = [row for row in found.rows if (row.cell.metric, row.cell.method) == ("energy_off_centre", "raw")]
    assert (row.n, row.undefined) == (1, 1), "only the object of a.png ends before the centre"


def test_only_boxes_of_the_class_explained_count(tmp_path: Path) -> None:
    """Its index names the class; without one of its boxes, all count."""
    images = wide_pictures(tmp_path / "in")[:1]
    both = "a.png\t2\t16\t0\t23\t31\na.png\t3\t32\t0\t47\t31\n"
    shares = {}
    for target in ("2", "3", "4"):
        folder = tmp_path / target
        folder.mkdir()
        shares[target] = mean(judged(folder, both, images, target=target), "energy", "chance")
    left, right = sides_of_the_view(images[0])
    quarter = (24 - left) / (right - left)
    assert shares == pytest.approx({"2": quarter, "3": 0.5, "4": 0.5 + quarter}, abs=1e-6)


def test_images_without_a_box_have_no_localisation(tmp_path: Path) -> None:
    images = wide_pictures(tmp_path / "in")
    found = judged(tmp_path, "b.png\tx\t16\t0\t31\t31\n", images)
    assert found.without_object == 1
    (row,) = [row for row in found.rows if (row.cell.metric, row.cell.method) == ("auroc", "raw")]
    assert (row.n, row.undefined) == (1, 1)


def test_a_box_that_does_not_fit_costs_its_image_and_nothing_else(tmp_path: Path) -> None:
    images = wide_pictures(tmp_path / "in")
    found = judged(tmp_path, "a.png\tx\t16\t0\t64\t31\nb.png\tx\t16\t0\t31\t31\n", images)
    (failure,) = found.failures
    assert isinstance(failure.error, InputError) and "line 1, has a box from 16, 0 to 64, 31" in str(failure.error)
    assert list(found.images.values()) == [images[1].path]
    assert len(list((tmp_path / "out" / "scores").iterdir())) == 2, "its scores are kept"
    mended = judged(tmp_path, "a.png\tx\t16\t0\t63\t31\nb.png\tx\t16\t0\t31\t31\n", images)
    assert not mended.failures and len(mended.images) == 2


def test_other_boxes_are_measured_again(tmp_path: Path) -> None:
    images = wide_pictures(tmp_path / "in")
    first = judged(tmp_path, "a.png\tx\t16\t0\t31\t31\nb.png\tx\t16\t0\t31\t31\n", images)
    second = judged(tmp_path, "a.png\tx\t16\t0\t23\t31\nb.png\tx\t16\t0\t23\t31\n", images)
    left, right = sides_of_the_view(images[0])
    found = [mean(each, "energy", "chance") for each in (first, second)]
    assert found == pytest.approx([0.5, (24 - left) / (right - left)], abs=1e-6)


def test_they_need_objects_that_are_among_the_images(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="metric 'auroc' needs to know where the objects are: give `boxes="):
        question("raw", metrics=("auroc",), references=())
    with pytest.raises(InputError, match="none of its files is among the images"):
        judged(tmp_path, "c.png\tx\t16\t0\t31\t31\n", pictures(tmp_path / "in", 1))
    assert not list((tmp_path / "out").glob("scores/*")), "before anything is measured"
