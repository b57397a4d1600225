"""Layers of convolutions and of attention between merged tokens: written out in loops, and flow by networkx."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from tests.literal import flow as literal_flow
from vitexplain.attention import Convolved, LayeredGraph, Merging, Mixing, PooledKeys
from vitexplain.maxflow import layered_max_flow
from vitexplain.networks.merged_patches import after_steps
from vitexplain.networks.shifted_windows import spread_windows
from vitexplain.tokens import TokenGrid

BELOW, ABOVE = TokenGrid(0, 6, 5, class_token=False), TokenGrid(0, 3, 3, class_token=False)
Floats = npt.NDArray[np.float64]


def reached(kernel: int, stride: int, padding: int, above: TokenGrid) -> Floats:
    """Return which tokens below a convolution sees, in equal shares, in plain loops."""
    found = np.zeros((above.tokens, BELOW.tokens))
    for row, col in itertools.product(range(above.rows), range(above.cols)):
        for down, right in itertools.product(range(kernel), repeat=2):
            r, c = row * stride - padding + down, col * stride - padding + right
            if 0 <= r < BELOW.rows and 0 <= c < BELOW.cols:
                found[row * above.cols + col, r * BELOW.cols + c] = 1
    shares: Floats = found / found.sum(1, keepdims=True)
    return shares


def made_of(place: Convolved | PooledKeys, fused: torch.Tensor, mixing: Mixing) -> list[Floats]:
    """Return the layer's matrices by image; it passes rows down, and those of one image, as they say."""
    layer = place.layer(fused, mixing)
    rows = torch.rand(2, layer.own.size(1), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer.pass_down(rows), torch.einsum("bn,bnm->bm", rows, layer.matrix))
    torch.testing.assert_close(layer.of_image(1).matrix, layer.matrix[1:])
    return [matrix.numpy() for matrix in layer.matrix]


@pytest.mark.parametrize("residual", [0.5, 0.0, 0.3])
def test_a_convolution_is_that_of_loops(residual: float) -> None:
    none, mixing = torch.empty(2, 0, 0), Mixing(residual, dtype=torch.float64)
    same = Convolved(after_steps(BELOW, ((3, 1, 1),)))
    (made, _) = made_of(same, none, mixing)
    expected = (1 - residual) * reached(3, 1, 1, BELOW) + residual * np.eye(30)
    np.testing.assert_allclose(made, expected, atol=1e-15)
    halved = Convolved(after_steps(BELOW, ((3, 2, 1),)), after_steps(BELOW, ((2, 2, None),)))
    (made, _) = made_of(halved, none, mixing)
    expected = (1 - residual) * reached(3, 2, 1, ABOVE) + residual * reached(2, 2, 0, ABOVE)
    np.testing.assert_allclose(made, expected, atol=1e-15)
    alone = halved.attention(torch.empty(2, 0, 0, dtype=torch.float64)).matrix[1]
    np.testing.assert_allclose(alone.numpy(), reached(3, 2, 1, ABOVE), atol=1e-15)


@pytest.mark.parametrize(
    ("size", "steps"), [(7, ((3, 2, 1),)), (8, ((2, 2, 0), (3, 1, 1))), (9, ((1, 2, 0), (3, 1, 1)))]
)
def test_steps_reach_what_torch_does(size: int, steps: tuple[tuple[int, int, int], ...]) -> None:
    """Convolutions of ones, one after the other, are above 0 where a token is reached."""
    grid = TokenGrid(0, size, size, class_token=False)
    parts: list[nn.Module] = []
    for kernel, stride, padding in steps:
        conv = nn.Conv2d(1, 1, kernel, stride, padding, bias=False)
        nn.init.ones_(conv.weight)
        parts.append(conv)
    each = torch.eye(grid.patches).view(-1, 1, size, size)
    with torch.no_grad():
        expected = nn.Sequential(*parts)(each).flatten(1).T > 0
    merging = after_steps(grid, steps)
    assert torch.equal(merging.share(torch.eye(len(merging.parts))) > 0, expected)


def test_attention_between_merged_tokens_is_that_of_loops() -> None:
    squares = reached(2, 2, 0, ABOVE)
    fused = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(9), (2, 9)))
    place = PooledKeys(after_steps(BELOW, ((2, 2, None),)), merged=True)
    assert place.call == (1, 9, 9)
    for made, attention in zip(made_of(place, fused, Mixing(0.3, dtype=torch.float64)), fused.numpy(), strict=True):
        np.testing.assert_allclose(made, (0.7 * attention + 0.3 * np.eye(9)) @ squares, atol=1e-15)
    kept = place.layer(fused, Mixing(0.0, discard=0.9, dtype=torch.float64)).fused
    assert (kept > 0).sum((1, 2)).max() < 20 and (kept.diagonal(dim1=1, dim2=2) > 0).all()
    torch.testing.assert_close(place.share(torch.eye(9, dtype=torch.float64)), torch.from_numpy(squares))


def test_rollout_and_flow_through_them() -> None:
    rng = np.random.default_rng(1)
    mixing, none = Mixing(0.5, dtype=torch.float64), torch.empty(1, 0, 0)
    merged = Merging(torch.tensor([[0, 1, 3, 4], [2, 5, -1, -1], [6, 7, 8, -1], [8, 5, 4, 7]]), 9)
    layers = (
        Convolved(after_steps(BELOW, ((3, 2, 1),)), after_steps(BELOW, ((2, 2, None),))).layer(none, mixing),
        Convolved(after_steps(ABOVE, ((3, 1, 1),))).layer(none, mixing),
        PooledKeys(merged, merged=True).layer(torch.from_numpy(rng.dirichlet(np.ones(4), (1, 4))), mixing),
    )
    top = TokenGrid(0, 2, 2, class_token=False)
    graph = LayeredGraph(layers, (BELOW, ABOVE, ABOVE, top), readout="mean")
    dense = [matrix[0].numpy() for matrix in graph.matrices]
    start = np.full(4, 1 / 4)
    np.testing.assert_allclose(graph.roll_out()[0].numpy(), start @ dense[2] @ dense[1] @ dense[0], atol=1e-12)
    flow = layered_max_flow(graph.capacities(0), torch.from_numpy(start))
    np.testing.assert_allclose(flow.value.numpy(), literal_flow(dense, start), rtol=1e-9)
    assert [notice.partition(":")[0] for notice in graph.notices] == ["2 of the 3 layers are convolutions"]


def test_spread_windows_take_every_so_many_th_patch() -> None:
    windows = spread_windows(TokenGrid(0, 4, 6, class_token=False), (2, 3))
    assert windows.queries.tolist()[:2] == [[0, 2, 4, 12, 14, 16], [1, 3, 5, 13, 15, 17]]
    assert windows.queries.flatten().sort().values.tolist() == list(range(24))
