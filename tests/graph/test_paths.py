"""The strongest paths are those of brute force: every path there is, multiplied out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from tests.graph.small import graph, of_arrays
from vitexplain.attention import LayeredGraph
from vitexplain.graph import Path, strongest_paths


def every_path(given: LayeredGraph) -> list[Path]:
    """Return all paths of a weight above 0 from the source to a patch, the strongest first."""
    size, found = given.arrays[0].shape[0], []
    for tokens in itertools.product(range(size), repeat=len(given.arrays) + 1):
        weight = float(given.start[tokens[0]])
        for layer, above, below in zip(reversed(given.arrays), tokens, tokens[1:], strict=False):
            weight *= layer[above, below]
        if weight > 0 and tokens[-1] >= given.grid.prefix:
            found.append(Path(tokens, weight))
    return sorted(found, key=lambda path: (-path.weight, path.tokens))


@pytest.mark.parametrize("virtual", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_brute_force(seed: int, sparse: bool, virtual: bool) -> None:
    given = graph(seed, virtual=virtual, sparse=sparse)
    expected = every_path(given)
    found = strongest_paths(given, 100)
    assert [path.tokens for path in found] == [path.tokens for path in expected[:100]]
    np.testing.assert_allclose([path.weight for path in found], [path.weight for path in expected[:100]], rtol=1e-12)


@pytest.mark.parametrize("virtual", [False, True])
def test_all_paths_together_are_the_rollout(virtual: bool) -> None:
    given = graph(7, virtual=virtual)
    found = strongest_paths(given, 10**6)
    assert len(found) == len(every_path(given))
    assert len({path.tokens for path in found}) == len(found)
    rollout = given.start
    for layer in reversed(given.arrays):
        rollout = rollout @ layer
    for token in range(1, 7):
        assert math.fsum(path.weight for path in found if path.tokens[-1] == token) == pytest.approx(rollout[token])


def test_equal_paths_come_in_the_order_of_their_tokens() -> None:
    even = of_arrays([np.full((7, 7), 1 / 8)] * 2)
    assert [path.tokens for path in strongest_paths(even, 4)] == [(0, 0, 1), (0, 0, 2), (0, 0, 3), (0, 0, 4)]
