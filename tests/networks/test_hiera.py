"""Hiera: tokens in the picture's order, maps that stay in a mask unit; relevance through its pools and MViT's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.networks.adapter_checks import check_rules
from tests.networks.staged import build_staged, pixels_of
from vitexplain.capture import capture
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import parse_spec
from vitexplain.models import wrap_model
from vitexplain.networks import by_token, recognise
from vitexplain.networks.twin import twin_of

NAMES = ("hiera", "hiera, oblong", "hiera, two pools")


@pytest.mark.parametrize("name", NAMES)
def test_tokens_in_the_order_of_the_picture(name: str) -> None:
    module = build_staged(name)
    network = recognise(module)
    levels = network.levels(*pixels_of(module).shape[-2:])
    for level, grid in enumerate(levels):
        tokens = torch.arange(float(grid.patches)).view(1, -1, 1)
        expected = module.reroll(tokens, max(level - 1, 0))
        assert expected.shape[1:3] == (grid.rows, grid.cols)
        assert torch.equal(by_token(tokens, network.layout_at(level)), expected.flatten(1, 2))
    first = torch.arange(float(levels[0].patches)).view(1, -1, 1)
    assert torch.equal(by_token(module.unroll(first), network.layout_at(0)), first)


@pytest.mark.parametrize("patch", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_map_of_one_token_stays_in_its_mask_unit(patch: tuple[int, int]) -> None:
    """Each of the 2 x 2 tokens at the end has seen the 8 x 8 patches of its unit, as gradients say, and no others."""
    module = build_staged("hiera", mask_unit_attn=(True,) * 4)
    pixels = pixels_of(module, 1)
    row, col = patch
    kept: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Callable[..., torch.Tensor]:
        def after(forward: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> torch.Tensor:
            kept[name] = forward(*args, **kwargs)
            return kept[name]

        return after

    network = recognise(module)
    names = (network.embedding, network.blocks[-1])
    twin_of(module, {name: keep(name) for name in names})(pixels)
    last = by_token(kept[names[1]], network.layout_at(len(network.blocks)))
    (gradient,) = torch.autograd.grad(last[0, 2 * row + col].sum(), kept[names[0]])
    seen = gradient[0].norm(dim=-1).view(16, 16) > 0
    unit = torch.zeros(16, 16, dtype=torch.bool)
    unit[8 * row : 8 * row + 8, 8 * col : 8 * col + 8] = True
    assert torch.equal(seen, unit)
    method = parse_spec(f"rollout:source=patch:{row},{col}")
    run = ForwardPass(wrap_model(module), pixels, method.fusions)
    found = torch.as_tensor(method(run).values[0]).view(16, 16)
    assert bool((found[unit] > 0).all()) and float(found[~unit].sum()) == 0
    torch.testing.assert_close(found.sum(), torch.ones_like(found.sum()))


@pytest.mark.parametrize("name", ["hiera", "hiera, absolute windows", "mvitv2", "mvitv2, class token"])
def test_relevance_adds_up_through_pools_and_maxima(name: str) -> None:
    check_rules(build_staged(name, img_size=32))


def test_attention_calls_with_windows_behind_the_heads() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, 4, tokens, 5, generator=generator) for tokens in (6, 7, 7))
    seen = torch.zeros(8, 3, 6, 7)

    def see(weights: torch.Tensor, images: slice) -> None:
        seen[images] = weights

    attend = torch.nn.functional.scaled_dot_product_attention
    found = capture(lambda given: attend(given, key, value), query, see, heads_first=True)
    torch.testing.assert_close(found, attend(query, key, value))
    weights = (query @ key.mT / 5**0.5).softmax(-1).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(seen, weights)
