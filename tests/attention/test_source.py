"""Sources: what the classifier reads, and tokens by name."""

from __future__ import annotations

import pytest
import torch

from vitexplain.attention import LayeredGraph, check_source, mix_residual, resolve_source
from vitexplain.errors import UsageError
from vitexplain.tokens import Readout, TokenGrid

GRID = TokenGrid(prefix=2, rows=2, cols=3)
LIKE = torch.zeros(1, 8)


def rows(text: str, readout: Readout = "cls") -> list[float]:
    source = resolve_source(text, GRID, readout)
    return [round(float(value), 6) for value in source.rows(LIKE)[0]]


def test_the_class_token_is_a_node() -> None:
    assert resolve_source("readout", GRID, "cls").node == 0
    assert rows("cls") == [1, 0, 0, 0, 0, 0, 0, 0]


def test_a_patch_is_a_node_after_the_prefix_tokens() -> None:
    assert resolve_source("patch:1,2", GRID, "cls").node == 2 + 5
    assert resolve_source("token:1", GRID, "cls").node == 1


@pytest.mark.parametrize(
    ("readout", "expected"),
    [
        ("distilled", [0.5, 0.5, 0, 0, 0, 0, 0, 0]),
        ("mean", [0, 0] + [round(1 / 6, 6)] * 6),
        ("mean-all", [0.125] * 8),
    ],
)
def test_other_readouts_are_weights(readout: Readout, expected: list[float]) -> None:
    assert resolve_source("readout", GRID, readout).node is None
    assert rows("readout", readout) == expected


def test_an_attention_pool_is_its_own_row_and_the_patch_mean_below_it() -> None:
    grid = TokenGrid(prefix=0, rows=2, cols=4, class_token=False)
    pool = torch.tensor([[0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]])
    layers = (mix_residual(torch.eye(8)[None], 0.5),) * 2
    graph = LayeredGraph(layers, (grid,) * 3, readout="pool", pool=pool)
    assert torch.equal(graph.source.rows(LIKE), pool)
    assert graph.notices == ()
    below = graph.upto(1)
    assert torch.equal(below.source.rows(LIKE), torch.full((1, 8), 1 / 8))
    assert "below the attention pool" in below.notices[0]


@pytest.mark.parametrize("text", ["", "patch", "patch:1", "patch:-1,2", "token:x", "head:1", "cls ", "patch:1,2,3"])
def test_what_has_no_known_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give readout, cls, patch:ROW,COL or token:N"):
        check_source(text)


@pytest.mark.parametrize("text", ["patch:2,0", "patch:0,3", "token:8"])
def test_what_lies_outside_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"outside the grid|does not exist"):
        resolve_source(text, GRID, "cls")


def test_no_class_token_no_cls() -> None:
    with pytest.raises(UsageError, match="no class token"):
        resolve_source("cls", TokenGrid(prefix=0, rows=2, cols=4, class_token=False), "mean")
