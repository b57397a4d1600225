"""Modules around a vision transformer: found, explained with its own output, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.models import around
from tests.models.around import Headed, Wrapper
from tests.models.small import tiny
from vitexplain import explain, load_model
from vitexplain.errors import ModelError, UsageError
from vitexplain.models import LoadedModel
from vitexplain.networks.inside import Inside

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
PIXELS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def used() -> nn.Module:
    module = around.Keeping()
    module(PIXELS)
    return module


HOLDING: dict[str, tuple[Any, str]] = {
    "a wrapper": (Wrapper, "model"),
    "a wrapper around a wrapper": (lambda: Wrapper(Wrapper()), "model.model"),
    "a sequence": (lambda: nn.Sequential(nn.Identity(), tiny()), "1"),
    "averaged weights": (lambda: torch.optim.swa_utils.AveragedModel(tiny()), "module"),
    "low-rank changes": (around.with_low_rank, "model.model"),
    "a teacher that is not run": (lambda: around.Pair(both=False), "student"),
    "what keeps tensors and locks": (used, "model"),
    "compiled inside": (lambda: Wrapper(torch.compile(tiny(), backend="eager")), "model"),  # type: ignore[arg-type]
    "parallel inside": (lambda: Wrapper(nn.DataParallel(tiny())), "model"),
}


def inside(model: LoadedModel) -> Inside:
    assert isinstance(model.network, Inside)
    return model.network


@pytest.mark.parametrize("kind", HOLDING)
def test_what_holds_a_transformer_is_the_same_as_the_transformer(kind: str) -> None:
    make, path = HOLDING[kind]
    module = make().train()
    model = load_model(module)
    network = inside(model)
    alone = module
    for name in path.split("."):
        alone = alone.get_submodule(name)
    alone = getattr(alone, "_orig_mod", getattr(alone, "module", alone))
    assert (network.path, model.num_classes, network.readout) == (path, 5, "cls")
    assert module.training
    assert all(parameter.requires_grad for parameter in alone.parameters())
    for method in ("rollout:fusion=gradient", "legrad", "attn-lrp", "integrated-gradients:steps=2"):
        found = explain(module, PICTURE, [method]).explanations[0].scores
        expected = explain(alone, PICTURE, [method]).explanations[0].scores
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("read", "options", "readout"),
    [
        (lambda backbone, x: backbone(x), {}, "cls"),
        (around.frozen, {}, "cls"),
        (around.first_token, {}, "cls"),
        (lambda backbone, x: backbone(x)[:, 0], {"global_pool": ""}, "cls"),
        (around.mean_of_patches, {}, "mean"),
        (around.mean_of_all, {}, "mean-all"),
        (around.mean_of_all, {"class_token": False, "global_pool": "avg"}, "mean"),
        (lambda backbone, x: backbone(x), {"class_token": False, "global_pool": "map"}, "pool"),
        (around.mean_beside_a_pool, {"class_token": False, "global_pool": "map"}, "mean"),
        (around.token_plus_mean, {}, "cls-mean"),
        (around.token_plus_mean, {"reg_tokens": 2}, "cls-mean"),
    ],
)
def test_a_backbone_with_a_classifier_of_its_own(read: Any, options: dict[str, Any], readout: str) -> None:
    module = Headed(read, **options).eval()
    model = load_model(module)
    network = inside(model)
    assert (network.readout, model.num_classes, model.labels) == (readout, 3, None)
    with torch.no_grad():
        expected = module(PIXELS)
        assert torch.equal(network(PIXELS), expected)
        tokens = module.backbone.blocks(
            module.backbone.norm_pre(
                module.backbone.patch_drop(module.backbone._pos_embed(module.backbone.patch_embed(PIXELS)))
            )
        )
        torch.testing.assert_close(network.classify(tokens), expected)
    result = explain(module, PICTURE)
    assert sorted(prediction.index for prediction in result.predictions) == [0, 1, 2]
    assert sum(prediction.probability for prediction in result.predictions) == pytest.approx(1)
    assert result.explanations[0].spec.startswith("attn-lrp:layers=1:")


def test_an_attention_pool_that_runs_unread_is_not_the_readout() -> None:
    """As under a probe of the mean of SigLIP's tokens, whose tower computes its pool all the same."""
    options: dict[str, Any] = {"class_token": False, "global_pool": "map"}
    module, plain = Headed(around.mean_beside_a_pool, **options), Headed(around.mean_of_all, **options)
    for method in ("relevance", "legrad", "attn-lrp", "rollout", "rollout:fusion=gradient", "raw"):
        found = explain(module, PICTURE, [method]).explanations[0].scores
        np.testing.assert_allclose(found, explain(plain, PICTURE, [method]).explanations[0].scores, atol=1e-6)


def test_an_embedding_compared_with_texts_has_classes() -> None:
    class ZeroShot(Wrapper):
        def __init__(self) -> None:
            super().__init__(tiny(num_classes=0))
            self.register_buffer("texts", torch.randn(6, 64, generator=torch.Generator().manual_seed(0)))

        def forward(self, x: torch.Tensor) -> Any:
            embedding = nn.functional.normalize(self.model(x), dim=-1)
            return 100 * embedding @ self.texts.T  # type: ignore[operator]

    assert load_model(ZeroShot()).num_classes == 6
    assert len(explain(ZeroShot(), PICTURE, "relevance", top_k=9).predictions) == 6
    assert load_model(Wrapper(tiny(num_classes=0))).num_classes == 0


def test_a_classifier_of_zeros_is_the_transformers_own() -> None:
    network = tiny(global_pool="avg")
    torch.nn.init.zeros_(network.head.weight)
    assert inside(load_model(Wrapper(network))).readout == "mean"
    module = Headed(around.first_token)
    torch.nn.init.zeros_(module.fc.weight)
    with pytest.raises(ModelError, match=r"its output does not depend on the tokens .*: give model\.backbone"):
        load_model(module)


def test_gradients_are_those_of_the_whole_function_whatever_is_frozen() -> None:
    module = Headed(around.frozen).eval()
    free = Headed(lambda backbone, x: backbone(x)).eval()
    free.load_state_dict(module.state_dict())
    for method in ("relevance", "input-gradient", "attn-lrp"):
        found = explain(module, PICTURE, [method]).explanations[0].scores
        assert np.array_equal(found, explain(free, PICTURE, [method]).explanations[0].scores)
        assert found.any()


def test_where_gradients_stop_methods_without_them_work_and_the_others_say_so() -> None:
    for read in (lambda backbone, x: backbone(x).detach(), torch.inference_mode()(lambda backbone, x: backbone(x))):
        module = Headed(read)
        result = explain(module, PICTURE)
        assert result.explanations[0].spec == "rollout"
        with pytest.raises(UsageError, match=r"'legrad' needs gradients, which its forward .*: use `methods=rollout`"):
            explain(module, PICTURE, ["legrad"])
        assert explain(module, PICTURE, "rollout").explanations


@pytest.mark.parametrize("largest", [1.0, 255.0])
def test_a_module_that_normalises_gets_plain_pixels(largest: float) -> None:
    network = tiny()
    network.pretrained_cfg.update(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    module = nn.Sequential(around.Normalised(largest), network)
    model = load_model(module)
    assert model.preprocess.mean == (0, 0, 0)
    assert model.preprocess.std == pytest.approx((1 / largest,) * 3)
    assert any("normalises its pixels itself, by mean (0.485, 0.456, 0.406)" in notice for notice in model.notices)
    found, expected = explain(module, PICTURE), explain(network, PICTURE)
    assert [each.index for each in found.predictions] == [each.index for each in expected.predictions]
    probabilities = [each.probability for each in expected.predictions]
    assert [each.probability for each in found.predictions] == pytest.approx(probabilities, rel=1e-4)
    for method in ("rollout", "integrated-gradients:steps=2,fill=black", "blank-out"):
        one = explain(module, PICTURE, [method]).explanations[0].scores
        np.testing.assert_allclose(
            one, explain(network, PICTURE, [method]).explanations[0].scores, rtol=1e-3, atol=1e-5
        )


def test_parameters_above_a_layer_lie_in_it_or_beside_the_transformer() -> None:
    upper = inside(load_model(Headed(around.first_token))).parameters_above(2)
    assert {name.rpartition(".")[0].split(".blocks.")[0] for name in upper} >= {"fc", "backbone"}
    assert "fc.weight" in upper and "backbone.blocks.1.attn.qkv.weight" in upper
    assert not any(name.startswith(("backbone.blocks.0.", "backbone.patch_embed.", "backbone.cls")) for name in upper)


def test_other_sizes_where_the_transformer_takes_them() -> None:
    module = Headed(around.first_token, dynamic_img_size=True)
    wide = PICTURE[:16].repeat(2, 1)
    result = explain(module, wide, ["legrad", "rollout"], view="whole")
    assert result.explanations[0].scores.shape == result.explanations[1].scores.shape
    assert result.explanations[0].scores.shape[1] > result.explanations[0].scores.shape[0]


def test_its_name_says_both_and_can_be_given() -> None:
    assert load_model(Wrapper()).name == "Wrapper around vit_tiny_patch16_224"
    assert load_model(Wrapper(), name="mine").name == "mine"
    assert load_model(tiny(), name="mine", labels=list("abcde")).name == "mine"
