"""Golden scores: every method on the built-in model and on small families gives what it gave before."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.golden.cases import GOLDEN, cases

Arrays = dict[str, np.ndarray[Any, Any]]
RELATIVE = 1e-5
NOISE = 1e-13
"""What float64 leaves of scores that are 0: the sum over the channels of a gradient below a LayerNorm."""


@cache
def golden() -> Arrays:
    with np.load(GOLDEN, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize(("case", "compute"), [pytest.param(*each, id=each[0]) for each in cases()])
def test_scores_are_what_they_were(case: str, compute: Callable[[], Arrays]) -> None:
    expected = {name.partition(": ")[2]: array for name, array in golden().items() if name.startswith(f"{case}: ")}
    found = compute()
    assert found.keys() == expected.keys()
    for name in [name for name, array in expected.items() if array.dtype.kind == "f" and 0 < abs(array).max() < NOISE]:
        assert abs(found.pop(name)).max() < NOISE
        found.pop(f"{name} statistics", None)
    for name, array in found.items():
        if array.dtype.kind == "f":
            # A signed score near 0 is a difference of larger ones: relative to the largest of its map.
            largest = np.nanmax(np.abs(expected[name]), initial=0.0)
            np.testing.assert_allclose(array, expected[name], rtol=RELATIVE, atol=RELATIVE * largest, err_msg=name)
        else:
            np.testing.assert_array_equal(array, expected[name], err_msg=name)
