"""Swin of transformers and torchvision: edges proved by gradients, rows, sizes, and the scores of timm's Swin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.networks.edges import check_edges, check_levels, check_rows
from tests.networks.other_libraries import require
from tests.networks.swin_elsewhere import as_timm, torchvision_swin, transformers_swin
from vitexplain.errors import ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, gradients_asked, parse_spec
from vitexplain.models import wrap_model
from vitexplain.networks import recognise

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

NAMES = (
    "SwinForImageClassification",
    "Swinv2ForImageClassification",
    "SwinModel",
    "Swinv2Model",
    "swin_t",
    "swin_v2_t",
)
SIZES = {"padded and odd": (56, 56), "oblong": (32, 64), "odd patches": (60, 72)}
REFUSED = ("legrad", "blank-out:fill=drop")


def build(name: str) -> Any:
    if name.startswith("swin"):
        return torchvision_swin(2 if "v2" in name else 1)
    require("transformers", "transformers")
    return transformers_swin(name)


def pixels(size: tuple[int, int] = (56, 56)) -> Tensor:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))


def scores(module: Any, given: Tensor, spec: str) -> Tensor:
    method = parse_spec(spec)
    run = ForwardPass(wrap_model(module), given, method.fusions, ("a", "b"), gradients=gradients_asked([method]))
    return torch.as_tensor(method(run).values)


@pytest.mark.parametrize("name", NAMES)
def test_levels_readout_logits_and_rows(name: str) -> None:
    module = build(name)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    check_levels(module, pixels())
    check_rows(module, pixels())
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert recognise(module).classes == (0 if name.endswith("Model") else 5)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("Model")])
def test_edges_are_true(name: str, size: str) -> None:
    module = build(name)
    if size == "oblong" and name == "SwinForImageClassification":
        pytest.skip("its biases fit whole windows only")
    check_edges(module, pixels(SIZES[size]), most=40)


@pytest.mark.parametrize("name", ["SwinForImageClassification", "Swinv2ForImageClassification", "swin_t", "swin_v2_t"])
def test_every_method(name: str) -> None:
    module = build(name)
    model = wrap_model(module)
    for spec in [*METHODS, "rollout:fusion=gradient,layers=4:8", "blank-out:fill=drop"]:
        method = parse_spec(spec)
        assert (method.why_not(model) is not None) == (spec in REFUSED), spec
        if spec not in REFUSED:
            found = scores(module, pixels(), spec)
            assert found.shape == (2, 196) and found.abs().max() > 0, spec


@pytest.mark.parametrize("how", ["sdpa", "eager"])
def test_transformers_scores_are_those_of_the_same_weights_in_timm(how: str) -> None:
    require("transformers", "transformers")
    theirs = transformers_swin("SwinForImageClassification", image_size=64)
    if not any(".q_proj." in name for name in theirs.state_dict()):
        pytest.skip("this release of transformers has other names for these weights")
    theirs.set_attn_implementation(how)
    check_same(theirs, (64, 64))


def test_torchvision_scores_are_those_of_the_same_weights_in_timm() -> None:
    check_same(torchvision_swin(), (64, 64))


def check_same(theirs: Any, size: tuple[int, int]) -> None:
    ours = as_timm(theirs, img_size=size)
    with torch.no_grad():
        torch.testing.assert_close(recognise(theirs)(pixels(size)), ours(pixels(size)), rtol=1e-4, atol=1e-5)
    for spec in ("rollout", "rollout:fusion=gradient", "relevance", "attn-lrp", "input-gradient", "flow:layers=3:8"):
        one, other = scores(theirs, pixels(size), spec), scores(ours, pixels(size), spec)
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()), msg=spec)


def test_transformers_sizes() -> None:
    require("transformers", "transformers")
    network = recognise(transformers_swin("SwinForImageClassification"))
    assert network.pixels.flexible
    with pytest.raises(UsageError, match="32 x 64: 2 x 4 tokens reach a layer with windows of 4 x 4: use larger"):
        network.levels(32, 64)
    assert recognise(transformers_swin("Swinv2ForImageClassification")).levels(32, 64)[-1].rows == 2


def test_a_tower_that_nothing_reads_and_other_channels_are_refused() -> None:
    module = torchvision_swin()
    module.features[0][0] = nn.Conv2d(1, 24, 4, 4)
    with pytest.raises(ModelError, match="1 channels instead of 3"):
        recognise(module)
    require("transformers", "transformers")
    tower = transformers_swin("SwinModel")
    tower.pooler = None
    with pytest.raises(ModelError, match="no pooler, so that nothing reads its tokens"):
        recognise(tower)


def test_parameters_above() -> None:
    upper = recognise(torchvision_swin()).parameters_above(4)
    assert {name.split(".")[1] for name in upper if name.startswith("features")} == {"3", "4", "5"}
    assert "head.weight" in upper and "norm.weight" in upper
