"""Blank-out against patches replaced one after the other, and fills against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.literal_vit import embed, run, small_pixels, small_vit
from tests.test_forward_pass import FAMILIES, network_of, pixels_for
from vitexplain.errors import ModelError, UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec
from vitexplain.methods.fills import FILLS, filling, outputs_without
from vitexplain.models import wrap_model

TARGETS = (3, 1)


def scores_of(spec: str, network: Any, pixels: Tensor) -> Any:
    return parse_spec(spec)(ForwardPass(wrap_model(network), pixels).for_target(torch.tensor(TARGETS))).values


def without(image: Tensor, patches: list[tuple[int, int]], colour: Tensor) -> Tensor:
    changed = image.clone()
    for row, col in patches:
        for y in range(4):
            for x in range(4):
                changed[:, row * 4 + y, col * 4 + x] = colour
    return changed


@pytest.mark.parametrize("of", ["logit", "probability"])
@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("side", [(12, 12), (12, 20)])
def test_equals_patches_replaced_one_after_the_other(of: str, window: int, side: tuple[int, int]) -> None:
    network = small_vit(img_size=side)
    pixels = torch.randn(2, 3, *side, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = scores_of(f"blank-out:of={of},window={window}", network, pixels)
    rows, cols = side[0] // 4, side[1] // 4
    with torch.no_grad():
        for image, target, scores in zip(pixels, TARGETS, found, strict=True):

            def value(shown: Tensor, target: int = target) -> float:
                logits = run(network, embed(network, shown)).logits
                return float((logits if of == "logit" else logits.softmax(0))[target])

            drops: dict[tuple[int, int], list[float]] = {}
            for top in range(rows - window + 1):
                for left in range(cols - window + 1):
                    square = [(top + y, left + x) for y in range(window) for x in range(window)]
                    drop = value(image) - value(without(image, square, image.mean((1, 2))))
                    for patch in square:
                        drops.setdefault(patch, []).append(drop)
            expected = [np.mean(drops[row, col]) for row in range(rows) for col in range(cols)]
            np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"global_pool": "avg"}, {"global_pool": "avg", "class_token": False}])
@pytest.mark.parametrize("written_out", [False, True])
def test_drop_is_the_model_without_the_tokens(options: dict[str, Any], written_out: bool) -> None:
    network: Any = small_vit(**options)
    for block in network.blocks:
        block.attn.fused_attn = not written_out
    pixels = small_pixels()
    found = scores_of("blank-out:fill=drop", network, pixels)
    prefix = network.num_prefix_tokens
    with torch.no_grad():
        for image, target, scores in zip(pixels, TARGETS, found, strict=True):
            embeddings = embed(network, image)
            whole = run(network, embeddings).logits[target]
            for patch, score in enumerate(scores):
                kept = torch.ones(prefix + 9, dtype=torch.bool)
                kept[prefix + patch] = False
                assert score == pytest.approx(float(whole - run(network, embeddings, kept).logits[target]), abs=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_dropped_pixels_do_not_matter(name: str) -> None:
    """Whatever a dropped patch shows, the output is the same, in every family; all dropped but one is finite."""
    network = network_of(name)
    model, pixels = wrap_model(network), pixels_for(network)
    grid = model.network.levels(*pixels.shape[-2:])[0]
    removed = torch.ones(1, grid.patches, dtype=torch.bool)
    removed[0, grid.patches // 2] = False
    if name == "vit_tiny_r_s16_p8_224":
        with pytest.raises(ModelError, match=r"patches of 'vit_tiny_r_s16_p8_224.*' overlap"):
            outputs_without(ForwardPass(model, pixels), 0, removed, "drop")
        return
    height, width = model.preprocess.patch
    y, x = divmod(grid.patches // 2, grid.cols)
    square = slice(y * height, (y + 1) * height), slice(x * width, (x + 1) * width)
    other = torch.randn_like(pixels)
    other[:, :, square[0], square[1]] = pixels[:, :, square[0], square[1]]
    first, second = (outputs_without(ForwardPass(model, shown), 0, removed, "drop") for shown in (pixels, other))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    nothing = outputs_without(ForwardPass(model, pixels), 1, torch.zeros_like(removed), "drop")
    with torch.inference_mode():
        torch.testing.assert_close(nothing, network(pixels)[1:], rtol=1e-4, atol=1e-5)
    assert torch.isfinite(first).all()


def test_fills() -> None:
    run_of_both = ForwardPass(wrap_model(small_vit()), small_pixels())
    image = small_pixels()[0]
    black = filling(run_of_both, image, "black")
    preprocess = run_of_both.model.preprocess
    assert black[:, 3, 4].tolist() == pytest.approx(
        [-m / s for m, s in zip(preprocess.mean, preprocess.std, strict=True)]
    )
    blurred = filling(run_of_both, torch.ones_like(image), "blur")
    torch.testing.assert_close(blurred, torch.ones_like(image), rtol=1e-5, atol=0)
    assert filling(run_of_both, image, "blur").std() < 0.2 * image.std()
    assert set(FILLS) == {"mean", "blur", "black", "drop"}


def test_several_targets_share_the_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    shared = ForwardPass(wrap_model(small_vit()), small_pixels())
    method = parse_spec("blank-out")

    def counted(*given: Any) -> Tensor:
        nonlocal calls
        calls += 1
        return outputs_without(*given)

    monkeypatch.setattr("vitexplain.methods.blank_out.outputs_without", counted)
    for target in ([3, 1], [0, 2]):
        method(shared.for_target(torch.tensor(target)))
    assert calls == 2


def test_a_window_larger_than_the_grid() -> None:
    with pytest.raises(
        UsageError, match="window 4 is too large: the grid has 3 x 3 patches, give a window from 1 to 3"
    ):
        scores_of("blank-out:window=4", small_vit(), small_pixels())
