"""Classifiers of timm's without a graph of attention: methods that need none, against loops written out."""

from __future__ import annotations

import copy
import importlib
import re
from typing import Any

import numpy as np
import pytest
import torch
from jsonschema import Draft202012Validator
from torch import Tensor

from vitexplain import explain
from vitexplain.errors import ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import METHODS, gradients_asked, needs_graph, parse_spec
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.networks import recognise
from vitexplain.output.schemas import schema

GroupNorm1 = import_timm().layers.GroupNorm1
SMALL: dict[str, dict[str, Any]] = {
    "xcit.Xcit": {"img_size": 64, "depth": 1, "embed_dim": 16, "num_heads": 2, "cls_attn_layers": 1, "eta": 1.0},
    "mlp_mixer.MlpMixer": {"img_size": 64, "num_blocks": 1, "embed_dim": 16},
    "focalnet.FocalNet": {"depths": (1, 1), "embed_dim": 16, "focal_levels": (2, 2), "focal_windows": (3, 3)},
    "metaformer.MetaFormer": {"depths": (1, 1), "dims": (16, 24), "norm_layers": GroupNorm1},
    "efficientvit_mit.EfficientVit": {
        "widths": (8, 16, 16, 32, 32),
        "head_widths": (32, 32),
        "depths": (1, 1, 1, 1, 1),
    },
}
"""Networks of one block a stage by their classes in timm."""
PICTURE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def small(name: str, seed: int = 0, **options: Any) -> Any:
    """Return a small network of that family, its random weights all away from where they begin, which may be zero."""
    torch.manual_seed(seed)
    place, _, cls = name.partition(".")
    built = getattr(importlib.import_module(f"{import_timm().__name__}.models.{place}"), cls)
    module = built(**{"num_classes": 5, **SMALL[name], **options}).eval()
    module.pretrained_cfg = {"input_size": (3, 64, 64)}
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return module


class Affine(torch.nn.Module):
    """BatchNorm2d by its running statistics, written out: torch's own gradients may be wrong on a CPU."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        deviation = (norm.running_var + norm.eps).sqrt()[:, None, None]
        found: Tensor = (x - norm.running_mean[:, None, None]) / deviation
        found = found * norm.weight[:, None, None] + norm.bias[:, None, None]
        if hasattr(norm, "act"):
            found = norm.act(found)
        return found


def written_out(module: Any) -> Any:
    """Return a copy of a network with its BatchNorms written out."""
    found = copy.deepcopy(module)
    norms = [name for name, part in found.named_modules() if isinstance(part, torch.nn.BatchNorm2d)]
    for name in norms:
        above, _, last = name.rpartition(".")
        setattr(found.get_submodule(above), last, Affine(found.get_submodule(name)))
    return found


def scores(module: Any, pixels: Tensor, spec: str) -> np.ndarray[Any, Any]:
    """Return what a method finds (B, P)."""
    method = parse_spec(spec)
    keys = tuple(map(str, range(len(pixels))))
    asked = gradients_asked([method])
    found: np.ndarray[Any, Any] = method(
        ForwardPass(wrap_model(module), pixels, method.fusions, keys, gradients=asked)
    ).values
    return found


def pixels_of(module: Any, count: int = 1) -> Tensor:
    """Return pixels (B, 3, H, W) of the size that the network takes."""
    size = recognise(module).pixels.built_for or (0, 0)
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(1))


def by_square(values: Tensor, side: int) -> Tensor:
    """Return the sums (rows, cols) of values (H, W) over squares of pixels."""
    rows, cols = values.size(0) // side, values.size(1) // side
    found = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            found[row, col] = values[row * side : (row + 1) * side, col * side : (col + 1) * side].sum()
    return found


@pytest.mark.parametrize("name", SMALL)
def test_integrated_gradients_are_those_of_the_pixels(name: str) -> None:
    module = small(name)
    pixels = pixels_of(module)
    side = recognise(module).pixels.patch[0]
    target = int(module(pixels).argmax())
    literal = written_out(module)
    empty = pixels.mean((2, 3), keepdim=True).expand_as(pixels)
    total = torch.zeros_like(pixels)
    for step in range(8):
        there = (empty + (step + 0.5) / 8 * (pixels - empty)).requires_grad_()
        total += torch.autograd.grad(literal(there)[0, target], there)[0] / 8
    expected = by_square(((pixels - empty) * total).sum(1)[0], side).flatten()
    found = scores(module, pixels, "integrated-gradients:steps=8")[0]
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", SMALL)
def test_input_gradients_and_blanked_squares_are_those_of_the_pixels(name: str) -> None:
    module = small(name)
    pixels = pixels_of(module).requires_grad_()
    side = recognise(module).pixels.patch[0]
    logits = written_out(module)(pixels)
    target = int(logits.argmax())
    (gradient,) = torch.autograd.grad(logits[0, target], pixels)
    expected = by_square(gradient.square().sum(1)[0], side).sqrt().flatten()
    found = torch.from_numpy(scores(module, pixels.detach(), "input-gradient")[0])
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5 * float(expected.max()))
    with torch.no_grad():
        without = pixels.clone()
        without[:, :, :side, side : 2 * side] = pixels.mean((2, 3))[..., None, None]
        drop = float(logits[0, target] - module(without)[0, target])
    assert scores(module, pixels.detach(), "blank-out")[0, 1] == pytest.approx(drop, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("xcit.Xcit", "attn-lrp:smooth=0.5"),
        ("mlp_mixer.MlpMixer", "attn-lrp:smooth=0.5"),
        ("metaformer.MetaFormer", "integrated-gradients:smooth=0.5"),
    ],
)
def test_the_default_is_what_needs_no_layers(name: str, default: str) -> None:
    module = small(name)
    plain = module(pixels_of(module))
    result = explain(module, PICTURE)
    (explanation,) = result.explanations
    assert explanation.spec == default
    record = result.to_record()
    assert record["model"]["layers"] == record["model"]["heads"] == 0
    assert record["explanations"][0]["layers"] == [0, 0]
    Draft202012Validator(schema("record")).validate(record)
    assert torch.equal(module(pixels_of(module)), plain)


@pytest.mark.parametrize("spec", [name for name in METHODS if needs_graph(parse_spec(name))])
def test_methods_of_the_graph_are_refused_and_those_named_work(spec: str) -> None:
    module = small("mlp_mixer.MlpMixer")
    with pytest.raises(ModelError, match=r"needs a graph of attention, and .* has none: it has no attention") as caught:
        explain(module, PICTURE, spec)
    named = re.split(r", | or ", str(caught.value).partition("; take ")[2])
    assert named == ["attn-lrp", "integrated-gradients", "input-gradient", "blank-out", "random"]
    if spec == "rollout":
        assert len(explain(module, PICTURE, named).explanations) == len(named)


def test_what_else_needs_tokens_is_refused() -> None:
    module = small("mlp_mixer.MlpMixer")
    with pytest.raises(ModelError, match="needs a graph of attention"):
        explain(module, PICTURE, "attn-lrp:layers=1:1")
    with pytest.raises(ModelError, match=r"no token of 'MlpMixer' can be left out.*: use fill=mean"):
        explain(module, PICTURE, "blank-out:fill=drop")
    with pytest.raises(UsageError, match=r"64 x 64 only|64 pixels only"):
        explain(module, PICTURE, image_size=80)


def test_a_model_of_features_has_no_default() -> None:
    features = small("mlp_mixer.MlpMixer", num_classes=0)
    with pytest.raises(ModelError, match=r"reference_image=.*num_classes=`\)$"):
        explain(features, PICTURE)
    assert explain(features, PICTURE, "attn-lrp", reference_image=PICTURE[::-1].copy()).explanations
