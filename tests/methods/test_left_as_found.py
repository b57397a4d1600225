"""Nothing is left behind: the model, torch and timm are what they were after every method, in any order."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.literal_vit import small_pixels, small_vit
from vitexplain.capture import observed
from vitexplain.errors import ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, Method, gradients_asked, parse_spec
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import recognise

SPECS = [
    *METHODS,
    "rollout:fusion=gradient",
    "flow:fusion=gradient",
    "raw:fusion=gradient",
    "attn-lrp:layers=1:2",
    "relevance:rules=libra",
]
GRADIENT_SPECS = [spec for spec in SPECS if "gradients" in parse_spec(spec).needs]


def library_state() -> dict[str, Any]:
    """Return every attribute of the classes and functions that a method could be tempted to replace."""
    vision_transformer: Any = import_timm().models.vision_transformer
    classes = [nn.Linear, nn.LayerNorm, nn.GELU, nn.Softmax, nn.Module, torch.Tensor, torch.autograd.Function]
    classes += [vision_transformer.VisionTransformer, vision_transformer.Block, vision_transformer.Attention]
    classes += [vision_transformer.Mlp, vision_transformer.PatchEmbed]
    state: dict[str, Any] = {
        f"{cls.__qualname__}.{name}": value for cls in classes for name, value in vars(cls).items()
    }
    state |= {f"functional.{name}": value for name, value in vars(functional).items()}
    return state | {f"torch.{name}": value for name, value in vars(torch).items()}


def module_state(network: nn.Module) -> list[dict[str, Any]]:
    return [{name: copy.copy(value) for name, value in vars(module).items()} for module in network.modules()]


def run(spec: str, network: nn.Module, *, inference: bool = False) -> np.ndarray[Any, Any]:
    method: Method = parse_spec(spec)
    with torch.inference_mode(inference):
        traced = "gradients" in method.needs
        made = ForwardPass(wrap_model(network), small_pixels(), method.fusions, ("a", "b"), gradients=traced)
        return method(made).values


@pytest.mark.parametrize("spec", SPECS)
def test_model_and_libraries_are_as_before(spec: str) -> None:
    network = small_vit()
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    modules, libraries = module_state(network), library_state()
    first = run(spec, network)
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    for before, module in zip(modules, network.modules(), strict=True):
        assert before.keys() == vars(module).keys()
        for name, value in before.items():
            now = vars(module)[name]
            assert now is value or now == value or list(now.items()) == list(value.items())
    after = library_state()
    assert after.keys() == libraries.keys()
    assert all(after[name] is value for name, value in libraries.items())
    np.testing.assert_array_equal(run(spec, network), first)


def test_gradient_methods_after_attn_lrp_are_what_they_were_before() -> None:
    """Two LRP libraries patch torch's classes for the life of the process: every gradient afterwards is another."""
    network = small_vit()
    before = {spec: run(spec, network) for spec in GRADIENT_SPECS}
    pixels = small_pixels().requires_grad_()
    (plain,) = torch.autograd.grad(network(pixels)[:, 0].sum(), pixels)
    run("attn-lrp", network)
    for spec, scores in before.items():
        np.testing.assert_array_equal(run(spec, network), scores)
    again = small_pixels().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(network(again)[:, 0].sum(), again)[0], plain, rtol=0, atol=0)


@pytest.mark.parametrize("spec", GRADIENT_SPECS)
def test_a_caller_in_inference_mode_changes_nothing(spec: str) -> None:
    network = small_vit()
    np.testing.assert_allclose(run(spec, network, inference=True), run(spec, network), rtol=1e-9)


def test_all_methods_share_one_forward_and_one_backward_pass_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_vit()
    counted = {"forward": 0, "backward": 0}
    grad, forward = torch.autograd.grad, type(network).forward

    def count_backward(outputs: Any, inputs: Any, **options: Any) -> Any:
        first = inputs[0] if isinstance(inputs, list | tuple) else inputs
        counted["backward"] += first.is_leaf  # down to the embeddings; LeGrad asks for parts of it
        return grad(outputs, inputs, **options)

    def count_forward(self: Any, *given: Any) -> Any:
        counted["forward"] += 1
        return forward(self, *given)

    model = wrap_model(network)  # which runs a blank picture
    monkeypatch.setattr(torch.autograd, "grad", count_backward)
    monkeypatch.setattr(type(network), "forward", count_forward)
    methods = [
        parse_spec(spec) for spec in ("rollout", "rollout:fusion=gradient", "relevance", "input-gradient", "legrad")
    ]
    fusions = [fusion for method in methods for fusion in method.fusions]
    shared = ForwardPass(model, small_pixels(), fusions, gradients=True)
    for target in ([0, 1], [2, 3]):
        view = shared.for_target(torch.tensor(target))
        for method in methods:
            method(view)
    assert counted == {"forward": 1, "backward": 2}


@pytest.mark.parametrize("spec", ["attn-lrp", "attn-lrp:layers=2:2", "libra", "relevance:rules=libra"])
def test_gradients_under_rules_share_the_forward_pass_of_the_predictions(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_vit()
    model, forward, counted = wrap_model(network), type(network).forward, []

    def count_forward(self: Any, *given: Any) -> Any:
        counted.append(spec)
        return forward(self, *given)

    monkeypatch.setattr(type(network), "forward", count_forward)
    method = parse_spec(spec)
    made = ForwardPass(model, small_pixels(), method.fusions, gradients=gradients_asked([method]))
    assert made.logits is not None and made.heads == 2
    for target in ([0, 1], [2, 3]):
        method(made.for_target(torch.tensor(target)))
    assert counted == [spec]


def test_gradient_checkpointing_is_seen_through() -> None:
    network: Any = small_vit()
    expected = run("relevance", network)
    network.set_grad_checkpointing()
    np.testing.assert_allclose(run("relevance", network), expected, rtol=1e-9)
    assert network.grad_checkpointing


def test_observed_replaces_an_output_in_the_copy_alone() -> None:
    network = small_vit()
    with torch.no_grad():
        plain = network(small_pixels())
        zero = observed(recognise(network), {"blocks.1.mlp.fc2": torch.zeros_like, "patch_embed": lambda found: found})
        assert not torch.equal(zero(small_pixels()), plain)
        assert torch.equal(network(small_pixels()), plain)


def test_half_precision_and_models_without_classifier() -> None:
    half = ForwardPass(wrap_model(small_vit(), dtype="bfloat16"), small_pixels().bfloat16())
    with pytest.raises(UsageError, match="needs gradients, which bfloat16 is too coarse for: use `dtype=float32`"):
        _ = half.gradients
    bare = ForwardPass(wrap_model(small_vit(num_classes=0)), small_pixels())
    with pytest.raises(ModelError, match=r"no classifier.*`weights=`"):
        _ = bare.gradients


def test_layers_inputs_and_attention_under_the_same_rules_share_both_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_vit()
    counted = {"forward": 0, "backward": 0}
    grad, forward = torch.autograd.grad, type(network).forward

    def count_backward(*given: Any, **options: Any) -> Any:
        counted["backward"] += 1
        return grad(*given, **options)

    def count_forward(self: Any, *given: Any) -> Any:
        counted["forward"] += 1
        return forward(self, *given)

    model = wrap_model(network)
    specs = ["attn-lrp:layers=1:2", "rollout:fusion=gradient,rules=attn-lrp"]
    together = parse_spec("mean:" + "+".join(specs))
    pixels = small_pixels()
    alone = [run(spec, network) for spec in specs]
    monkeypatch.setattr(torch.autograd, "grad", count_backward)
    monkeypatch.setattr(type(network), "forward", count_forward)
    found = together(ForwardPass(model, pixels, together.fusions, gradients=gradients_asked([together]))).values
    assert counted == {"forward": 1, "backward": 1}
    np.testing.assert_allclose(
        found, sum(each / each.clip(min=0).sum(1, keepdims=True) for each in alone) / 2, atol=1e-9
    )
