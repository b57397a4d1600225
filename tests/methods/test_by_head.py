"""Single heads: every head of every layer for raw attention, one head throughout for the others."""

from __future__ import annotations

import numpy as np
import pytest

from tests.given_attention import forward_pass
from tests.methods.test_paper import GRID, attention
from vitexplain.attention import Fusion
from vitexplain.errors import UsageError
from vitexplain.methods import canonical_spec, parse_spec, single_heads

WEIGHTS = attention("soft", seed=1, batch=1)
RUN = forward_pass(WEIGHTS, GRID, [Fusion("mean", 0), Fusion("mean", 1)])


def specs(text: str) -> list[str]:
    return [canonical_spec(method) for method in single_heads(parse_spec(text), RUN)]


def test_which_heads() -> None:
    assert specs("rollout:residual=0.2") == ["rollout:head=0,residual=0.2", "rollout:head=1,residual=0.2"]
    assert specs("raw") == [f"raw:head={head},layers={k}:{k}" for k in (1, 2, 3) for head in (0, 1)]
    assert specs("raw:layers=2:2") == ["raw:head=0,layers=2:2", "raw:head=1,layers=2:2"]


def test_each_is_that_heads_row_of_that_layer() -> None:
    methods = single_heads(parse_spec("raw"), RUN)
    assert len(methods) == 6
    for place, method in enumerate(methods):
        layer, head = divmod(place, 2)
        np.testing.assert_allclose(method(RUN).values[0], WEIGHTS[layer, 0, head, 0, 1:], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"), [("random", "does not look at single heads"), ("flow:head=1", "already looks at one head")]
)
def test_what_has_no_single_heads(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        single_heads(parse_spec(text), RUN)
