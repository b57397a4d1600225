"""The judge of models whose outputs are sigmoids, values or an embedding (five seconds)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch

from tests.evaluation.small_images import pictures, question
from tests.models.small import tiny
from vitexplain.errors import UsageError
from vitexplain.evaluation import evaluate
from vitexplain.images import open_picture, prepare
from vitexplain.models import LoadedModel, wrap_model
from vitexplain.output import schema

METRICS = ("spearman", "deletion", "insertion", "saco", "randomisation")


def model(outputs: int, **options: Any) -> LoadedModel:
    network = tiny(num_classes=outputs)
    for name, parameter in network.named_parameters():
        if name.endswith(("qkv.weight", "head.weight")):
            parameter.data *= 8
    return wrap_model(network, **options)


def seen(loaded: LoadedModel, path: str) -> torch.Tensor:
    with torch.inference_mode():
        return loaded.network(torch.from_numpy(prepare(open_picture(path), loaded.preprocess, None)[0])[None])


@pytest.mark.parametrize(
    ("outputs", "options", "target", "of"),
    [
        (5, {}, "top1", "probability"),
        (5, {"activation": "sigmoid"}, "2", "probability"),
        (1, {"activation": "sigmoid"}, "0", "probability"),
        (1, {"activation": "sigmoid"}, "not:0", "probability"),
        (1, {"activation": "sigmoid", "labels": ["ill", "well"]}, "ill", "probability"),
        (1, {}, "0", "value"),
        (1, {}, "not:0", "value"),
        (0, {}, "top1", "similarity"),
    ],
)
def test_every_metric_follows_what_the_model_says(
    outputs: int, options: dict[str, Any], target: str, of: str, tmp_path: Path
) -> None:
    """The curves begin, or end, with the answer to the whole picture, computed here by hand."""
    loaded, images = model(outputs, **options), pictures(tmp_path, 2)
    more: dict[str, Any] = {"reference_image": pictures(tmp_path / "like", 3)[2].path} if outputs == 0 else {}
    asked = question("rollout", metrics=METRICS, target=target, steps=4, groups=4, **more)
    evaluation = evaluate(loaded, images, asked)
    assert not evaluation.failures
    assert evaluation.question.of == of
    for record in evaluation.records():
        jsonschema.validate(record, schema("evaluation"))
        if record["metric"] in METRICS[1:4]:
            assert record["of"] == of
    answers = [answer(loaded, seen(loaded, image.path), target, more) for image in images]
    assert evaluation.curves["deletion"]["rollout"][0] == pytest.approx(np.mean(answers), rel=1e-4, abs=1e-5)
    assert evaluation.curves["insertion"]["rollout"][-1] == pytest.approx(np.mean(answers), rel=1e-4, abs=1e-5)


def answer(loaded: LoadedModel, outputs: torch.Tensor, target: str, more: dict[str, Any]) -> float:
    if more:
        return float(torch.cosine_similarity(outputs, seen(loaded, more["reference_image"])))
    value = float(outputs[0, 2] if target == "2" else outputs[0, 0])
    if target == "top1":
        return float(outputs.softmax(-1).max())
    value = -value if target in ("not:0", "ill") else value
    return value if loaded.activation == "none" else 1 / (1 + np.exp(-value))


def test_a_folder_of_one_meaning_is_not_resumed_with_another(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 1)
    evaluate(model(5), images, question("raw"), folder=tmp_path / "out")
    with pytest.raises(UsageError, match="activation softmax, now sigmoid"):
        evaluate(model(5, activation="sigmoid"), images, question("raw"), folder=tmp_path / "out")


def test_several_classes_above_a_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names several classes"):
        evaluate(model(5), pictures(tmp_path, 1), question("raw", target="above0.1"))
    with pytest.raises(UsageError, match="cannot be combined"):
        question("raw", target="1", reference_image="a.png")
