"""Swin: rollout and flow against a literal dense graph; maps of a model whose classifier reads one known token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.literal import flow as literal_flow
from tests.networks.edges import dependences
from tests.networks.literal_swin import graph_of
from tests.networks.staged import build_staged, pixels_of
from vitexplain import explain
from vitexplain.forward_pass import ForwardPass
from vitexplain.graph import flow_to, strongest_paths, to_networkx
from vitexplain.methods import gradients_asked, parse_spec, scores_by_layer
from vitexplain.models import wrap_model
from vitexplain.networks import recognise

SIZES: dict[str, dict[str, Any]] = {
    "padded and odd": {},
    "whole windows": {"img_size": 32},
    "oblong": {"img_size": (24, 40), "window_size": (2, 3)},
}


def scores(module: Any, pixels: Tensor, spec: str) -> Any:
    method = parse_spec(spec)
    run = ForwardPass(wrap_model(module), pixels, method.fusions, ("a", "b"), gradients=gradients_asked([method]))
    return method(run).values


@pytest.mark.parametrize("size", SIZES)
def test_rollout_is_that_of_a_literal_dense_graph(size: str) -> None:
    module = build_staged("swin", **SIZES[size])
    pixels = pixels_of(module)
    found, of_half = scores(module, pixels, "rollout"), scores(module, pixels, "rollout:residual=0.2,layers=1:5")
    for image in range(2):
        with torch.no_grad():
            layers = graph_of(module, pixels[image : image + 1])
            lower = graph_of(module, pixels[image : image + 1], 0.2)[:5]
        for made, rows in ((layers, found), (lower, of_half)):
            row = np.full(len(made[-1]), 1 / len(made[-1]))
            for layer in reversed(made):
                row = row @ layer
            np.testing.assert_allclose(rows[image], row, rtol=1e-5)


def test_flow_is_that_of_networkx() -> None:
    module = build_staged("swin", img_size=24, window_size=2, depths=(2, 2))
    pixels = pixels_of(module)
    with torch.no_grad():
        layers = graph_of(module.double(), pixels[1:].double())
    expected = literal_flow(layers, np.full(9, 1 / 9))
    model = wrap_model(module)
    run = ForwardPass(model, pixels.double(), parse_spec("flow").fusions)
    np.testing.assert_allclose(parse_spec("flow")(run).values[1], expected, rtol=1e-9)
    upper = scores_by_layer(parse_spec("flow:layers=4:5"), run)[5].values[1].reshape(6, 6)
    above = literal_flow(layers[3:], np.full(9, 1 / 9)).reshape(3, 3)
    np.testing.assert_allclose(upper, above.repeat(2, 0).repeat(2, 1), rtol=1e-9)
    graph = parse_spec("flow").graph(run, dtype=torch.float64).of_image(1)  # type: ignore[attr-defined]
    assert flow_to(graph, 7).value == pytest.approx(expected[7], rel=1e-9)
    assert to_networkx(graph).number_of_edges() == sum(np.count_nonzero(layer) for layer in layers) + 9
    (best,) = strongest_paths(graph, 1)
    weight = 1 / 9
    for level, (above_token, below_token) in enumerate(zip(best.tokens, best.tokens[1:], strict=False)):
        weight *= layers[-1 - level][above_token, below_token]
    assert best.weight == pytest.approx(weight)


class OnlyToken(nn.Module):
    """Leaves nothing of the tokens (B, rows, cols, D) but that at (row, col)."""

    def __init__(self, row: int, col: int) -> None:
        super().__init__()
        self.row, self.col = row, col

    def forward(self, tokens: Tensor) -> Tensor:
        kept = torch.zeros_like(tokens[:, :, :, :1])
        kept[:, self.row, self.col] = 1
        return tokens * kept


def one_token_model(row: int, col: int) -> tuple[Any, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return a Swin of 16 x 16, 8 x 8 and 4 x 4 tokens that reads token (row, col), and its receptive field (P,)."""
    module = build_staged("swin", img_size=64, window_size=2, depths=(2, 1, 1))
    reach = None
    for _, layer in reversed(dependences(module.double(), pixels_of(module).double())):
        reach = layer[row * 4 + col] if reach is None else (reach[:, None] & layer).any(0)
    assert reach is not None
    module = module.float()
    module.norm = nn.Sequential(module.norm, OnlyToken(row, col))
    return module, reach.numpy()


MAPS = (
    *("attn-lrp", "attn-lrp:layers=1:6", "libra", "integrated-gradients:steps=2", "input-gradient", "blank-out"),
    *("relevance", "raw:source=patch:1,2", "rollout:source=patch:1,2", "rollout:source=patch:1,2,fusion=gradient"),
)


@pytest.mark.parametrize("spec", MAPS)
def test_what_reads_one_token_has_its_map_in_that_tokens_receptive_field(spec: str) -> None:
    """Relevance and libra add up tokens of coarse levels; none of it may lie outside."""
    module, reach = one_token_model(1, 2)
    assert 0.1 < reach.mean() < 0.5
    values = abs(scores(module, pixels_of(module), spec))
    assert (values[:, reach].sum(1) > 0).all()
    if spec == "relevance":  # which starts from the mean of the patches, and is 0 where no gradient came
        assert values[:, ~reach].max() == 0
    assert values[:, ~reach].sum() <= 1e-5 * values.sum()


def test_the_overlay_of_the_default_lies_there() -> None:
    """Nothing is drawn outside the token's receptive field, in a picture that the view crops."""
    from PIL import Image

    module, reach = one_token_model(1, 2)
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    result = explain(module, Image.fromarray(noise), methods="attn-lrp:layers=1:6")
    inside = reach.reshape(16, 16)
    assert (result.explanations[0].scores != 0)[~inside].sum() == 0
    shown = np.asarray(result.overlay(style="patches", full_size=True), dtype=int)
    grey = np.asarray(explain(module, Image.fromarray(noise), methods="random").picture.image.convert("L"), dtype=int)
    assert shown.shape[:2] == grey.shape
    x0, y0, x1, y1 = result.view.box
    coloured = np.ptp(shown, axis=2) > 8
    rows, cols = np.nonzero(coloured)
    cells = {
        (int((row + 0.5 - y0) // ((y1 - y0) / 16)), int((col + 0.5 - x0) // ((x1 - x0) / 16)))
        for row, col in zip(rows, cols, strict=True)
    }
    assert cells
    assert all(inside[cell] for cell in cells)


def test_a_merged_tokens_share_adds_up() -> None:
    module = build_staged("swin")
    run = ForwardPass(wrap_model(module), pixels_of(module))
    levels = run.between
    for level, grid in enumerate(run.levels):
        given = torch.rand(2, grid.tokens)
        torch.testing.assert_close(levels.on_image(given, level).sum(1), given.sum(1))
        holders = levels.holders(level).reshape(14, 14)
        assert holders[0, 0] == 0 and holders[-1, -1] == grid.tokens - 1
    assert recognise(module).readout == "mean"
