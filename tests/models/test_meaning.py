"""What a model's outputs mean: how many there are, what makes probabilities of them, and whose names they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.small import build, tiny
from vitexplain.errors import ModelError, UsageError
from vitexplain.models import LoadedModel, load_model, wrap_model
from vitexplain.models.untrained import UNTRAINED

HEADS: list[tuple[Any, int]] = [
    (torch.nn.Linear(64, 1000), 1000),
    (torch.nn.Sequential(torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 21)), 21),
    (torch.nn.Sequential(torch.nn.Linear(64, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)), 2),
]


def told(model: LoadedModel) -> list[str]:
    """Return the notices, but for that of modules with random weights, as all here are."""
    return [notice for notice in model.notices if notice != UNTRAINED]


@pytest.mark.parametrize(("head", "classes"), HEADS)
def test_a_replaced_classifier_counts_and_has_no_names_of_others(head: Any, classes: int) -> None:
    module = tiny(num_classes=5)
    module.head = head
    model = wrap_model(module)
    assert (model.num_classes, model.labels, model.activation) == (classes, None, "softmax")
    assert wrap_model(module, labels=[f"c{index}" for index in range(classes)]).labels is not None


@pytest.mark.parametrize("said", [0, 5, 1000])
def test_an_attribute_that_is_wrong_changes_nothing(said: int) -> None:
    module = tiny(num_classes=3)
    module.num_classes = said
    model = wrap_model(module)
    assert (model.num_classes, model.labels) == (3, None)


def test_names_that_are_assumed_are_said_to_be_and_the_advice_works() -> None:
    assumed = wrap_model(tiny(num_classes=1000))
    (notice,) = told(assumed)
    assert "named after ImageNet" in notice and "`labels=`" in notice
    own = wrap_model(tiny(num_classes=1000), labels=[f"c{index}" for index in range(1000)])
    assert told(own) == [] and own.labels is not None and own.labels.name(1) == "c1"


@pytest.mark.parametrize(
    ("outputs", "given", "activation"),
    [
        (5, "auto", "softmax"),
        (5, "sigmoid", "sigmoid"),
        (5, "none", "none"),
        (1, "auto", "none"),
        (1, "sigmoid", "sigmoid"),
        (1, "none", "none"),
    ],
)
def test_activation(outputs: int, given: str, activation: str) -> None:
    model = wrap_model(tiny(num_classes=outputs), activation=given)
    assert (model.activation, model.num_classes) == (activation, outputs)
    logits = torch.randn(3, outputs)
    expected = {"softmax": logits.softmax(-1), "sigmoid": logits.sigmoid(), "none": logits}[activation]
    assert torch.equal(model.probabilities(logits), expected)
    assert len(told(model)) == (given == "auto" and outputs == 1)


@pytest.mark.parametrize(
    ("problem", "outputs", "activation"),
    [
        ("multi_label_classification", 5, "sigmoid"),
        ("regression", 2, "none"),
        ("single_label_classification", 5, "softmax"),
        ("single_label_classification", 1, "none"),
        ("something else", 5, "softmax"),
    ],
)
def test_what_the_configuration_says_of_the_problem(problem: str, outputs: int, activation: str) -> None:
    module = tiny(num_classes=outputs)
    module.pretrained_cfg["problem_type"] = problem
    assert wrap_model(module).activation == activation
    assert wrap_model(module, activation="sigmoid").activation == "sigmoid", "what is given takes precedence"


def test_an_activation_that_cannot_be_is_refused_with_one_that_can() -> None:
    with pytest.raises(UsageError, match="expected auto, softmax"):
        wrap_model(tiny(), activation="tanh")
    with pytest.raises(UsageError, match="over one output is always 1: use `activation=sigmoid`"):
        wrap_model(tiny(num_classes=1), activation="softmax")
    with pytest.raises(UsageError, match=r"no classifier.*leave `activation=` out"):
        load_model("builtin", num_classes=0, activation="sigmoid")


def test_two_names_of_one_output_are_its_two_sides() -> None:
    with pytest.raises(ModelError, match=r"2 names for one output.*`activation=sigmoid`"):
        wrap_model(tiny(num_classes=1), labels=["healthy", "ill"])
    model = wrap_model(tiny(num_classes=1), labels=["healthy", "ill"], activation="sigmoid")
    assert (model.num_classes, model.activation, told(model)) == (2, "sigmoid", [])
    assert torch.equal(model.of_classes(torch.tensor([[1.5]])), torch.tensor([[-1.5, 1.5]]))
    with pytest.raises(ModelError, match="3 names, expected 1"):
        wrap_model(tiny(num_classes=1), labels=["a", "b", "c"], activation="sigmoid")
    one = wrap_model(tiny(num_classes=1), labels=["ill"], activation="sigmoid")
    assert one.labels is not None and one.num_classes == 1


def clip() -> Any:
    return build("vit_base_patch32_clip_224.openai", img_size=32, patch_size=8, num_classes=512)


def features() -> Any:
    module = tiny(num_classes=1000)
    module.head = torch.nn.Identity()
    return module


def from_file(folder: Path) -> LoadedModel:
    torch.manual_seed(0)
    state = build("vit_tiny_patch16_224", embed_dim=192, depth=12, num_heads=3).state_dict()
    torch.save({key: value for key, value in state.items() if "head" not in key}, folder / "features.pth")
    return load_model("vit_tiny_patch16_224", weights=folder / "features.pth")


def test_an_embedding_is_no_classifier(tmp_path: Path) -> None:
    for model in (wrap_model(clip()), wrap_model(features()), wrap_model(tiny(num_classes=0)), from_file(tmp_path)):
        assert (model.num_classes, model.labels, model.activation) == (0, None, "none")
        assert "explained without predictions" in model.no_predictions
        assert "`reference_image=`" in model.no_predictions


def test_what_is_assumed_of_an_embedding_can_be_overruled() -> None:
    assert "`activation=softmax` if they are classes" in wrap_model(clip()).no_predictions
    assert wrap_model(clip(), activation="softmax").num_classes == 512
    assert wrap_model(clip(), activation="sigmoid").activation == "sigmoid"
    named = wrap_model(clip(), labels=[f"c{index}" for index in range(512)])
    assert named.num_classes == 512 and named.labels is not None


class Broken(torch.nn.Module):
    def forward(self, _features: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2\nshapes cannot be multiplied")


def test_a_module_that_cannot_run_is_one_line() -> None:
    module = tiny()
    module.head = Broken()
    with pytest.raises(ModelError, match=r"cannot run a blank picture of 32 x 32 pixels \(RuntimeError: mat1 and mat2"):
        wrap_model(module)
    module.head = torch.nn.Unflatten(1, (8, 8))
    with pytest.raises(ModelError, match=r"returned a tensor \(1, 8, 8\) for 1 picture, expected one row"):
        wrap_model(module)


class Ending(torch.nn.Module):
    """A vision transformer with something after it."""

    def __init__(self, after: torch.nn.Module, classes: int = 5) -> None:
        super().__init__()
        self.vit, self.after = tiny(num_classes=classes), after

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.after(self.vit(pixels))
        return outputs


@pytest.mark.parametrize("where", ["after", "in the classifier"])
def test_probabilities_are_not_put_through_another_softmax(where: str) -> None:
    module: torch.nn.Module = Ending(torch.nn.Softmax(-1))
    if where == "in the classifier":
        module = tiny()
        module.head = torch.nn.Sequential(torch.nn.Linear(64, 5), torch.nn.Softmax(-1))
    model = wrap_model(module)
    assert model.activation == "none"
    assert "they are probabilities already" in " ".join(model.notices)
    outputs = module(torch.zeros(1, 3, 32, 32))
    assert torch.equal(model.probabilities(outputs), outputs)
    again = wrap_model(module, activation="softmax")
    assert again.activation == "softmax" and "already" not in " ".join(again.notices)


@pytest.mark.parametrize(("after", "told"), [(torch.nn.Sigmoid(), True), (torch.nn.LogSoftmax(-1), False)])
def test_outputs_between_0_and_1_get_a_notice_and_its_advice_works(after: torch.nn.Module, told: bool) -> None:
    module = Ending(after)
    model = wrap_model(module)
    assert model.activation == "softmax"
    assert any("if they are probabilities already, `activation=none`" in notice for notice in model.notices) == told
    for activation in ("none", "softmax"):
        assert "already" not in " ".join(wrap_model(module, activation=activation).notices)


def test_a_classifier_that_was_never_trained_and_returns_zeros_is_no_probability() -> None:
    module = tiny()
    torch.nn.init.zeros_(module.head.weight)
    torch.nn.init.zeros_(module.head.bias)
    assert wrap_model(module).activation == "softmax"
    assert "already" not in " ".join(wrap_model(module).notices)
