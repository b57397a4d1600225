"""Class-specific methods against literal versions of their papers, image by image, head by head, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from tests import literal
from tests.literal_vit import Steps, embed, run, small_pixels, small_vit
from tests.test_forward_pass import FAMILIES, network_of, pixels_for
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import Method, parse_spec
from vitexplain.models import wrap_model

Scores = npt.NDArray[np.float64]
TARGETS = (3, 1)
"""The class explained of each of the two images."""


def scores_of(spec: str, network: nn.Module, against: int | None = None) -> Scores:
    method: Method = parse_spec(spec)
    pixels = small_pixels()
    run_of_both = ForwardPass(wrap_model(network), pixels, method.fusions, gradients="gradients" in method.needs)
    other = None if against is None else torch.tensor([against, against])
    return method(run_of_both.for_target(torch.tensor(TARGETS), other)).values


def literal_scores(network: nn.Module, scores: Callable[[Any, Tensor, int], Scores]) -> Scores:
    return np.stack([scores(network, image, target) for image, target in zip(small_pixels(), TARGETS, strict=True)])


def attention_and_gradients(steps: Steps, logit: Tensor) -> tuple[list[Scores], list[Scores]]:
    """Return the weights and the logit's gradients (H, N, N) of every layer."""
    flat = [weights for layer in steps.attention for weights in layer]
    gradients = iter(torch.autograd.grad(logit, flat, retain_graph=True))
    weights = [torch.stack(layer).detach().numpy() for layer in steps.attention]
    return weights, [torch.stack([next(gradients) for _ in layer]).numpy() for layer in steps.attention]


def start(network: Any, tokens: int) -> Scores:
    row = np.zeros(tokens)
    prefix = network.num_prefix_tokens
    if network.global_pool == "token":
        row[0] = 1
    else:
        row[prefix:] = 1 / (tokens - prefix)
    return row


def relevance(network: Any, image: Tensor, target: int) -> Scores:
    steps = run(network, embed(network, image))
    weights, gradients = attention_and_gradients(steps, steps.logits[target])
    size = weights[0].shape[-1]
    matrix = np.eye(size)
    for attention, gradient in zip(weights, gradients, strict=True):
        matrix = matrix + np.maximum(attention * gradient, 0).mean(0) @ matrix
    result: Scores = (start(network, size) @ (matrix - np.eye(size)))[network.num_prefix_tokens :]
    return result


def gradient_graph(network: Any, image: Tensor, target: int, residual: float) -> list[Scores]:
    steps = run(network, embed(network, image))
    layers = []
    for attention, gradient in zip(*attention_and_gradients(steps, steps.logits[target]), strict=True):
        fused = np.maximum(attention * gradient, 0).mean(0)
        fused = fused / fused.sum(1).max()
        mixed = (1 - residual) * fused + residual * np.eye(len(fused))
        layers.append(mixed / mixed.sum(1, keepdims=True))
    return layers


def gradient_rollout(network: Any, image: Tensor, target: int) -> Scores:
    layers = gradient_graph(network, image, target, 0.3)
    return literal.rollout(layers, start(network, len(layers[0])))[network.num_prefix_tokens :]


def gradient_flow(network: Any, image: Tensor, target: int) -> Scores:
    layers = gradient_graph(network, image, target, 0.5)
    source: int | Scores = 0 if network.global_pool == "token" else start(network, len(layers[0]))
    return literal.flow(layers, source)[network.num_prefix_tokens :]


def pooled_relevance(network: Any, image: Tensor, target: int) -> Scores:
    """The attention pool is one more layer, on top."""
    steps = run(network, embed(network, image))
    pool = torch.autograd.grad(steps.logits[target], steps.pools[-1], retain_graph=True)
    row = (torch.stack(steps.pools[-1]).detach() * torch.stack(pool)).clamp(min=0).mean(0)
    weights, gradients = attention_and_gradients(steps, steps.logits[target])
    matrix = np.eye(len(row))
    for attention, gradient in zip(weights, gradients, strict=True):
        matrix = matrix + np.maximum(attention * gradient, 0).mean(0) @ matrix
    result: Scores = row.numpy() @ matrix
    return result


def pooled_legrad(network: Any, image: Tensor, target: int) -> Scores:
    """Each layer's tokens are read by the pool, whose attention is looked at."""
    steps = run(network, embed(network, image))
    total = np.zeros(len(steps.pools[0][0]))
    for weights, logits in zip(steps.pools, steps.layer_logits, strict=True):
        for gradient in torch.autograd.grad(logits[target], weights, retain_graph=True):
            total += gradient.clamp(min=0).numpy() / len(weights)
    return total


def legrad(network: Any, image: Tensor, target: int) -> Scores:
    steps = run(network, embed(network, image))
    total = np.zeros(len(steps.attention[0][0]))
    for layer, logits in zip(steps.attention, steps.layer_logits, strict=True):
        gradients = torch.autograd.grad(logits[target], layer, retain_graph=True)
        for gradient in gradients:
            total += gradient.clamp(min=0).mean(0).numpy() / len(layer)
    return total[network.num_prefix_tokens :]


def input_gradient(network: Any, image: Tensor, target: int) -> Scores:
    steps = run(network, embed(network, image))
    (gradient,) = torch.autograd.grad(steps.logits[target], steps.embeddings)
    return np.array([float(np.sqrt((row.numpy() ** 2).sum())) for row in gradient])


def summed_gradient(network: Any, image: Tensor, target: int) -> Scores:
    steps = run(network, embed(network, image))
    (gradient,) = torch.autograd.grad(steps.logits[target], steps.embeddings)
    return np.array([abs(float((row * x).sum())) for row, x in zip(gradient, steps.embeddings.detach(), strict=True)])


def integrated(network: Any, image: Tensor, target: int) -> Scores:
    end = embed(network, image)
    begin = embed(network, image.mean((1, 2), keepdim=True).expand_as(image))
    total = torch.zeros_like(end)
    for step in range(20):
        steps = run(network, begin + (step + 0.5) / 20 * (end - begin))
        total += torch.autograd.grad(steps.logits[target], steps.embeddings)[0] / 20
    found: Scores = ((end - begin) * total).sum(1).detach().numpy()
    return found


FAMILY_SPECS = [
    "relevance",
    "legrad",
    "rollout:fusion=gradient",
    "input-gradient",
    "attn-lrp",
    "attn-lrp:layers=1:2,residual=0.5",
    "libra",
]

POOLINGS: list[dict[str, Any]] = [
    {},
    {"global_pool": "avg"},
    {"global_pool": "avg", "class_token": False},
    {"qk_norm": False, "depth": 3},
]


@pytest.mark.parametrize("options", POOLINGS)
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("relevance", relevance),
        ("rollout:fusion=gradient,residual=0.3", gradient_rollout),
        ("flow:fusion=gradient", gradient_flow),
        ("legrad", legrad),
        ("input-gradient", input_gradient),
        ("input-gradient:reduce=sum,times_input=true", summed_gradient),
        ("integrated-gradients:steps=20", integrated),
    ],
)
def test_equals_the_paper(spec: str, expected: Callable[..., Scores], options: dict[str, Any]) -> None:
    network = small_vit(**options)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    np.testing.assert_allclose(scores_of(spec, network), literal_scores(network, expected), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("relevance", pooled_relevance), ("legrad", pooled_legrad), ("input-gradient", input_gradient)],
)
def test_equals_the_paper_with_an_attention_pool(spec: str, expected: Callable[..., Scores]) -> None:
    network = small_vit(global_pool="map", class_token=False)
    np.testing.assert_allclose(scores_of(spec, network), literal_scores(network, expected), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family(name: str) -> None:
    """Every method gives finite scores that differ between images and classes."""
    network = network_of(name, num_classes=7)
    methods = [parse_spec(spec) for spec in FAMILY_SPECS]
    fusions = [fusion for method in methods for fusion in method.fusions]
    both = ForwardPass(wrap_model(network), pixels_for(network), fusions, gradients=True)
    first, second = (both.for_target(torch.tensor(classes)) for classes in ([0, 1], [2, 3]))
    for method in methods:
        one, other = method(first).values, method(second).values
        assert one.shape == (2, both.grid.patches)
        assert np.isfinite(one).all()
        assert not np.allclose(one[0], one[1], rtol=1e-3, atol=0)
        assert not np.allclose(one, other, rtol=1e-3, atol=0)


@pytest.mark.parametrize("spec", ["relevance", "legrad", "rollout:fusion=gradient"])
def test_scaling_the_classifier(spec: str) -> None:
    """Gradients grow with the classifier: gradient rollout does not change at all, the sums do."""
    network: Any = small_vit()
    before = scores_of(spec, network)
    with torch.no_grad():
        network.head.weight *= 10
        network.head.bias *= 10
    after = scores_of(spec, network)
    assert np.allclose(after, before, rtol=1e-6) == spec.startswith("rollout")
    if spec == "legrad":
        np.testing.assert_allclose(after, 10 * before, rtol=1e-6)


def test_against_is_the_difference_of_the_logits() -> None:
    network: Any = small_vit()
    found = scores_of("integrated-gradients:steps=20", network, against=0)
    plain = scores_of("integrated-gradients:steps=20", network)
    with torch.no_grad():
        network.head.weight[:] = network.head.weight[0].clone()
        network.head.bias[:] = 0
    np.testing.assert_allclose(found, plain - scores_of("integrated-gradients:steps=20", network), atol=1e-9)


def test_integrated_gradients_add_up_to_the_change_of_the_logit() -> None:
    method = parse_spec("integrated-gradients:steps=200")
    scores = method(ForwardPass(wrap_model(small_vit()), small_pixels(), gradients=True))
    for image in range(2):
        change = scores.statistics[image]["logit_change"]
        assert scores.values[image].sum() == pytest.approx(change, rel=1e-3)
        assert scores.statistics[image]["sum"] == pytest.approx(change, rel=1e-3)
