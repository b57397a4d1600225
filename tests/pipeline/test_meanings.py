"""Multi-label models, one output, values and embeddings, from the module to the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from PIL import Image

from tests.literal_vit import small_vit
from tests.pipeline.test_targets import PREPROCESS, picture
from vitexplain.errors import InputError, ModelError, UsageError
from vitexplain.models import LoadedModel, wrap_model
from vitexplain.output import WriteOptions, schema, write_result
from vitexplain.pipeline import explain, explain_many
from vitexplain.result import Failure, Result, Similarity, Target

CLASS_METHODS = ["relevance", "attn-lrp", "blank-out", "integrated-gradients:steps=2", "input-gradient", "legrad"]


def model(outputs: int, bias: list[float] | None = None, **options: Any) -> LoadedModel:
    """A model whose logits are `bias`, whatever the picture, where one is given."""
    network: Any = small_vit(num_classes=outputs).float()
    if bias is not None:
        torch.nn.init.zeros_(network.head.weight)
        network.head.bias.data = torch.tensor(bias)
    return wrap_model(network, preprocess=PREPROCESS, **options)


def read_back(result: Result) -> None:
    """Check that the record fits the schema and is read as it was."""
    record = json.loads(result.to_json())
    jsonschema.validate(record, schema())
    assert Result.from_record(record).to_record() == record


def test_several_labels_at_once() -> None:
    result = explain(model(4, [4.0, 3.0, 2.0, -4.0], activation="sigmoid"), picture(), ["relevance"], target="above0.5")
    shares = [prediction.probability for prediction in result.predictions]
    assert shares == pytest.approx(torch.tensor([4.0, 3.0, 2.0, -4.0]).sigmoid().tolist())
    assert [prediction.logit for prediction in result.predictions] == pytest.approx([4, 3, 2, -4])
    assert [each.target.index for each in result.explanations if isinstance(each.target, Target)] == [0, 1, 2]
    assert result.model.activation == "sigmoid"
    read_back(result)


def test_each_image_of_a_batch_has_its_own_classes_above() -> None:
    seen = model(5, activation="sigmoid", labels=list("abcde"))
    counts = set()
    for seed in range(6):
        result = explain(seen, picture(seed), ["relevance", "rollout"], target="above0.5")
        above = [prediction.index for prediction in result.predictions if prediction.probability > 0.5]
        asked = [each.target.index for each in result.explanations if isinstance(each.target, Target)]
        assert asked == above
        assert result.explanations[-1].method == "rollout"
        counts.add(len(above))
    assert len(counts) > 1


def test_no_class_above_is_said() -> None:
    low = model(3, [-4.0, -3.0, -2.0], activation="sigmoid")
    result = explain(low, picture(), ["relevance"], target="above0.5")
    assert result.explanations == ()
    assert "no class is above 0.5, the highest has 11.9%: no class explained" in result.notices
    read_back(result)


def test_a_number_that_nothing_can_be_above_is_refused() -> None:
    for text in ("above1", "above1.5", "above-0.1"):
        with pytest.raises(UsageError, match=r"probabilities lie between 0 and 1, expected above0\.5"):
            explain(model(3), picture(), ["relevance"], target=text)
    with pytest.raises(UsageError, match=r"'above0\.5' stands alone"):
        explain(model(3), picture(), ["relevance"], target=("1", "above0.5"))


def test_one_output_is_its_value_and_what_raises_and_lowers_it() -> None:
    for value in (-4.0, 0.5, 4.0):
        result = explain(model(1, [value]), picture())
        (only,) = result.predictions
        assert (only.probability, only.shown, only.is_value) == (only.logit, f"{value:.4g}", True)
        assert only.logit == pytest.approx(value)
        assert "activation=sigmoid" in " ".join(result.notices)
        read_back(result)
    raised, lowered = (explain(model(1), picture(), ["attn-lrp"], target=text) for text in ("0", "not:0"))
    np.testing.assert_allclose(raised.explanations[0].scores, -lowered.explanations[0].scores, rtol=1e-5, atol=1e-6)
    assert raised.explanations[0].unit == "part of the value"
    assert lowered.explanations[0].target == Target(0, None, None, None, True)
    read_back(lowered)


@pytest.mark.parametrize("spec", CLASS_METHODS)
def test_two_sides_of_one_output(spec: str) -> None:
    sides = model(1, labels=["healthy", "ill"], activation="sigmoid")
    plain = model(1, activation="sigmoid")
    ill, healthy = (explain(sides, picture(), [spec], target=name) for name in ("ill", "healthy"))
    up, down = (explain(plain, picture(), [spec], target=text) for text in ("0", "not:0"))
    np.testing.assert_allclose(ill.explanations[0].scores, up.explanations[0].scores, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(healthy.explanations[0].scores, down.explanations[0].scores, rtol=1e-5, atol=1e-7)
    shares = {each.label: each.probability for each in ill.predictions}
    assert set(shares) == {"healthy", "ill"}
    assert sum(share or 0 for share in shares.values()) == pytest.approx(1)
    assert shares["ill"] == pytest.approx(up.predictions[0].probability)
    read_back(healthy)


def test_what_lowers_a_class_of_several() -> None:
    seen = model(5, labels=["koala", "dog", "owl", "cat", "pig"])
    koala, less = (explain(seen, picture(), ["attn-lrp"], target=text) for text in ("koala", "not:koala"))
    np.testing.assert_allclose(koala.explanations[0].scores, -less.explanations[0].scores, rtol=1e-5, atol=1e-6)
    with pytest.raises(UsageError, match="cannot be combined"):
        explain(seen, picture(), ["attn-lrp"], target="not:koala", against="dog")
    with pytest.raises(UsageError, match="nearest label is koala"):
        explain(seen, picture(), ["attn-lrp"], target="not:kola")


@pytest.mark.parametrize("of", ["logit", "probability"])
def test_blank_out_of_sigmoids(of: str) -> None:
    seen = model(3, activation="sigmoid")
    (found,) = explain(seen, picture(), [f"blank-out:of={of}"], target="1").explanations
    (less,) = explain(seen, picture(), [f"blank-out:of={of}"], target="not:1").explanations
    np.testing.assert_allclose(found.scores, -less.scores, atol=1e-6)
    assert found.unit == f"drop of the target's {of}"


def test_a_probability_of_values_is_refused_and_the_advice_works() -> None:
    with pytest.raises(UsageError, match=r"use of=logit, or .* `activation=`"):
        explain(model(1), picture(), ["blank-out:of=probability"])
    explain(model(1), picture(), ["blank-out:of=logit"])
    explain(model(1, activation="sigmoid"), picture(), ["blank-out:of=probability"])


@pytest.mark.parametrize("spec", [*CLASS_METHODS, "rollout:fusion=gradient"])
def test_likeness_to_a_reference(spec: str) -> None:
    embedding = model(0)
    result = explain(embedding, picture(), [spec], reference_image=picture(3))
    (found,) = result.explanations
    assert isinstance(found.target, Similarity)
    one, other = (embedding.network(pixels(seed)) for seed in (0, 3))
    assert found.target.value == pytest.approx(float(torch.cosine_similarity(one, other)), abs=1e-5)
    assert "logit" not in found.unit
    assert result.notices == () and result.predictions == ()
    assert float(np.abs(found.scores).max()) > 0
    read_back(result)


def pixels(seed: int) -> torch.Tensor:
    from vitexplain.images import open_picture, prepare

    return torch.from_numpy(prepare(open_picture(picture(seed)), PREPROCESS, None)[0])[None]


def test_blank_out_of_a_likeness_is_the_fall_of_the_cosine() -> None:
    """Written out: the picture without its first patch, compared with the reference."""
    embedding = model(0)
    (found,) = explain(embedding, picture(), ["blank-out:fill=black"], reference_image=picture(3)).explanations
    one, other = pixels(0), embedding.network(pixels(3))
    without = one.clone()
    without[:, :, :4, :4] = -1.0
    fall = torch.cosine_similarity(embedding.network(one), other) - torch.cosine_similarity(
        embedding.network(without), other
    )
    assert found.scores[0, 0] == pytest.approx(float(fall), abs=1e-5)


def test_a_picture_is_wholly_like_itself() -> None:
    (found,) = explain(model(0), picture(), reference_image=picture()).explanations
    assert isinstance(found.target, Similarity) and found.target.value == pytest.approx(1, abs=1e-6)
    assert found.spec == "attn-lrp:layers=1:2,smooth=0.5"


def test_what_a_reference_does_not_go_with() -> None:
    with pytest.raises(UsageError, match=r"has a classifier; choose a class.*, or put torch\.nn\.Identity"):
        explain(model(3), picture(), ["relevance"], reference_image=picture())
    given: list[dict[str, Any]] = [{"target": "1"}, {"against": "1"}]
    for options in given:
        with pytest.raises(UsageError, match="and `reference_image=` cannot be combined"):
            explain(model(0), picture(), ["relevance"], reference_image=picture(), **options)
    with pytest.raises(UsageError, match="`reference_image=` has no effect"):
        explain(model(0), picture(), ["rollout"], reference_image=picture())
    with pytest.raises(InputError, match="no such file"):
        explain(model(0), picture(), ["relevance"], reference_image="nowhere.png")
    with pytest.raises(ModelError, match="give a picture to compare with as `reference_image=`"):
        explain(model(0), picture(), ["relevance"])
    with pytest.raises(UsageError, match="give it to load_model"):
        explain(model(3), picture(), activation="sigmoid")


def test_files_of_what_is_explained_have_names_of_their_own(tmp_path: Path) -> None:
    picture(3).save(tmp_path / "like.png")
    like = explain(model(0), picture(), ["relevance"], reference_image=tmp_path / "like.png")
    (target,) = [each.target for each in like.explanations]
    assert isinstance(target, Similarity)
    names = [path.name for path in write_result(like, WriteOptions(tmp_path), "a").paths]
    assert names == [f"a.like-{target.sha256[:8]}.png", "a.json"]
    less = explain(model(1), picture(), ["relevance"], target="not:0")
    assert write_result(less, WriteOptions(tmp_path), "b").paths[0].name == "b.not-class-0.png"


@pytest.mark.parametrize("target", [3, np.int64(3), "3", [3], (np.int32(3),), ["3"]])
def test_a_class_given_as_a_number(target: Any) -> None:
    (found,) = explain(model(5), picture(), ["relevance"], target=target).explanations
    assert isinstance(found.target, Target) and found.target.index == 3


def test_several_numbers_and_what_is_no_class() -> None:
    found = explain(model(5), picture(), ["relevance"], target=[3, np.int64(1)], against=np.int64(0)).explanations
    assert [each.target.index for each in found if isinstance(each.target, Target)] == [3, 1]
    wrong: list[Any] = [3.5, True, [None], {}]
    for target in wrong:
        with pytest.raises(UsageError, match=r"expected an index, a label, or several|target is empty"):
            explain(model(5), picture(), ["relevance"], target=target)


def test_one_image_given_for_several_is_one() -> None:
    array = np.zeros((16, 16, 3), np.uint8)
    for given in ("photos", Path("photos"), Image.fromarray(array), array):
        (found,) = explain_many(model(5), given, ["raw"])
        assert isinstance(found, Failure if isinstance(given, str | Path) else Result)


def test_a_module_whose_forward_returns_more_is_explained() -> None:
    network: Any = small_vit().float()
    whole = type(network).forward
    pairs = {
        "Pair": lambda self, pixels: (whole(self, pixels), None),
        "Table": lambda self, pixels: {"logits": whole(self, pixels)},
        "Squeezed": lambda self, pixels: whole(self, pixels).squeeze(),
    }
    expected = explain(wrap_model(network, preprocess=PREPROCESS), picture(), CLASS_METHODS)
    for name, forward in pairs.items():
        network.__class__ = type(name, (type(network),), {"forward": forward})
        result = explain(wrap_model(network, preprocess=PREPROCESS), picture(), CLASS_METHODS)
        assert result.predictions == expected.predictions
        for one, other in zip(result.explanations, expected.explanations, strict=True):
            np.testing.assert_array_equal(one.scores, other.scores)


def test_no_class_above_of_classes_that_exclude_one_another() -> None:
    result = explain(model(3, [0.0, 0.1, 0.2]), picture(), ["relevance"], target="above0.9")
    (notice,) = [notice for notice in result.notices if "no class is above 0.9" in notice]
    assert notice.endswith("for classes that can go together, give `activation=sigmoid`")
    followed = explain(model(3, [4.0, -4.0, 4.0], activation="sigmoid"), picture(), ["relevance"], target="above0.9")
    assert len(followed.explanations) == 2
