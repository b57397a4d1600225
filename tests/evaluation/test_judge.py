"""The judge from end to end on a tiny network, against scores and correlations made one by one (five seconds)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import spearmanr

from tests.evaluation.pairs import other_images
from tests.evaluation.small_images import pictures, question, tiny_loaded
from vitexplain.errors import ModelError, UsageError
from vitexplain.evaluation import Evaluation, GivenImage, Row, evaluate
from vitexplain.evaluation import study as study_module
from vitexplain.evaluation.inputs import digest
from vitexplain.evaluation.measuring import measure
from vitexplain.methods import parse_methods
from vitexplain.pipeline import explain

Scores = npt.NDArray[Any]

METHODS = ("raw", "rollout", "flow")
REFERENCES = ("blank-out:window=2", "input-gradient")


SPECS = tuple(f"{name}:layers=1:{layer}" for name in METHODS for layer in (1, 2))


def literal(scores: Sequence[dict[str, Scores]], of: Sequence[int], spec: str, reference: str) -> float:
    """The mean correlation of the scores of images `of` with the reference of the images."""
    found = [spearmanr(scores[other][spec], true[reference]).statistic for true, other in zip(scores, of, strict=True)]
    return float(np.mean(found))


def row_of(evaluation: Evaluation, metric: str, method: str, layer: int, reference: str | None = None) -> Row:
    wanted = None if reference is None else parse_methods((reference,))[0]
    (row,) = [
        row
        for row in evaluation.rows
        if (row.cell.metric, row.cell.method, row.cell.layer, row.cell.reference) == (metric, method, layer, wanted)
    ]
    return row


def test_correlations_by_layer_equal_those_of_run(tmp_path: Path) -> None:
    model, images = tiny_loaded(), pictures(tmp_path, 3)
    evaluation = evaluate(model, images, question(*METHODS, references=REFERENCES))
    keys = [digest(image.read()) for image in images]
    pairs = other_images(dict.fromkeys(keys, (4, 4)), seed=0)
    others = [keys.index(pairs[key]) for key in keys]
    scores: list[dict[str, Scores]] = []
    for image in images:
        explained = explain(model, image.path, (*SPECS, *REFERENCES)).explanations
        scores.append({spec: each.scores.ravel() for spec, each in zip((*SPECS, *REFERENCES), explained, strict=True)})
    for reference in REFERENCES:
        for name in METHODS:
            for layer in (1, 2):
                row = row_of(evaluation, "spearman", name, layer, reference)
                expected = literal(scores, range(3), f"{name}:layers=1:{layer}", reference)
                assert row.mean == pytest.approx(expected, abs=1e-6)
                assert row.n == 3 and row.undefined == 0
            row = row_of(evaluation, "spearman", f"{name}@other", 2, reference)
            assert row.mean == pytest.approx(literal(scores, others, f"{name}:layers=1:2", reference), abs=1e-6)


def test_equal_rows_at_layer_1_with_one_class_token(tmp_path: Path) -> None:
    evaluation = evaluate(tiny_loaded(), pictures(tmp_path, 3), question(*METHODS))
    first = [row_of(evaluation, "spearman", name, 1, "input-gradient") for name in METHODS]
    assert first[0].mean == first[1].mean == first[2].mean
    assert first[0].std == first[1].std == first[2].std


def test_differences_are_paired_with_the_best_control(tmp_path: Path) -> None:
    evaluation = evaluate(tiny_loaded(), pictures(tmp_path, 4), question("raw"))
    means = {
        name: row_of(evaluation, "spearman", name, 2, "input-gradient").mean
        for name in ("random", "centre", "raw@other")
    }
    difference = row_of_difference(evaluation)
    best = max(means, key=lambda name: means[name] or 0)
    assert difference.cell.control == best
    raw = row_of(evaluation, "spearman", "raw", 2, "input-gradient").mean
    assert raw is not None and means[best] is not None
    assert difference.mean == pytest.approx(raw - (means[best] or 0), abs=2e-6)


def row_of_difference(evaluation: Evaluation) -> Row:
    (row,) = [row for row in evaluation.rows if row.cell.metric == "spearman_difference"]
    return row


def test_a_single_image_has_no_other_and_no_interval(tmp_path: Path) -> None:
    evaluation = evaluate(tiny_loaded(), pictures(tmp_path, 1), question("raw"))
    assert {row.cell.method for row in evaluation.rows} == {"raw", "random", "centre"}
    assert all(row.n == 1 and row.std is None and row.low is None for row in evaluation.rows)


def test_only_what_is_missing_is_computed(tmp_path: Path) -> None:
    model, images, folder = tiny_loaded(), pictures(tmp_path / "in", 4), tmp_path / "out"
    first = evaluate(model, images[:2], question("raw"), folder=folder)
    with patch.object(study_module, "measure", wraps=measure) as measured:
        evaluate(model, images, question("raw"), folder=folder)
        assert measured.call_count == 2
        evaluate(model, images, question("raw", "rollout"), folder=folder)
        assert measured.call_count == 6
        assert [list(call.args[3]) for call in measured.call_args_list[2:]] == [list(parse_methods(("rollout",)))] * 4
        again = evaluate(model, images[:2], question("raw"), folder=folder)
        assert measured.call_count == 6
    assert again.rows == first.rows


def test_images_that_cannot_be_read_are_named_and_twins_count_once(tmp_path: Path) -> None:
    images = pictures(tmp_path, 2)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    given = [*images, GivenImage(str(tmp_path / "broken.png")), images[0], GivenImage(str(tmp_path / "missing.png"))]
    evaluation = evaluate(tiny_loaded(), given, question("raw"))
    assert [Path(failure.path or "").name for failure in evaluation.failures] == ["broken.png", "missing.png"]
    assert len(evaluation.images) == 2 and evaluation.repeated == 1


def test_deletion_insertion_saco_and_randomisation(tmp_path: Path) -> None:
    asked = question(
        "raw", "relevance", metrics=("deletion", "insertion", "saco", "randomisation"), references=(), steps=4, groups=4
    )
    model, images, folder = tiny_loaded(), pictures(tmp_path / "in", 3), tmp_path / "out"
    evaluation = evaluate(model, images, asked, folder=folder)
    for name in ("raw", "relevance", "random", "centre", "raw@other"):
        deletion, insertion, difference = (
            row_of(evaluation, metric, name, 2) for metric in ("deletion", "insertion", "insertion_minus_deletion")
        )
        assert difference.mean == pytest.approx((insertion.mean or 0) - (deletion.mean or 0), abs=2e-6)
        removed, revealed = (evaluation.curves[what][name] for what in ("deletion", "insertion"))
        assert deletion.mean == pytest.approx(np.trapezoid(removed, dx=1 / 4), abs=1e-6)
        assert removed[0] == revealed[-1] and removed[-1] == revealed[0]
        assert abs(row_of(evaluation, "saco", name, 2).mean or 0) <= 1
    assert row_of(evaluation, "randomisation", "relevance", 1).n == 3
    compared = [row.cell for row in evaluation.rows if row.cell.metric == "deletion_difference"]
    assert [cell.method for cell in compared] == ["raw", "relevance"]
    with patch("vitexplain.evaluation.removal.ranked", side_effect=AssertionError):
        assert evaluate(model, images, asked, folder=folder).rows == evaluation.rows


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = tiny_loaded()
    before = {name: tensor.clone() for name, tensor in model.network.module.state_dict().items()}
    asked = question("raw", metrics=("spearman", "insertion", "randomisation"), steps=2)
    evaluate(model, pictures(tmp_path, 2), asked)
    after = model.network.module.state_dict()
    assert all(bool((before[name] == after[name]).all()) for name in before)
    assert all(
        parameter.grad is None and not parameter.requires_grad for parameter in model.network.module.parameters()
    )


@pytest.mark.parametrize("target", ["top5", "all"])
def test_several_classes_are_refused(target: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several classes"):
        evaluate(tiny_loaded(), pictures(tmp_path, 1), question("raw", target=target))


def test_a_model_without_classifier_is_refused(tmp_path: Path) -> None:
    from tests.models.small import tiny
    from vitexplain.models import wrap_model

    model = wrap_model(tiny(num_classes=0))
    with pytest.raises(ModelError, match="`num_classes=`"):
        evaluate(model, pictures(tmp_path, 1), question("raw", metrics=("deletion",), references=()))


def test_metrics_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match="metrics are spearman, energy"):
        question("raw", metrics=("pearson",))


def test_scores_that_are_not_finite_fail_the_image(tmp_path: Path) -> None:
    model = tiny_loaded()
    images = pictures(tmp_path, 2)
    with patch("vitexplain.methods.raw.Raw.__call__", autospec=True) as scores:
        scores.return_value.values = np.full((1, 16), np.nan)
        evaluation = evaluate(model, images, question("raw", metrics=("deletion",), references=()))
    assert not evaluation.images and not evaluation.rows
    assert "not finite" in str(evaluation.failures[0].error)
