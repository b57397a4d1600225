"""The notice, with its advice, on a flow whose cuts are nearly all outermost ones. Well below a second."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vitexplain.methods.flow import Flow


def notice(method: Flow, first: int, last: int, at_sink: float) -> tuple[str, ...]:
    """Return the notices of a flow of 100 patches, a share `at_sink` limited by their columns, the others between."""
    patches = torch.arange(101)
    flow: Any = SimpleNamespace(source_limited=patches < 0, sink_limited=(patches > 0) & (patches <= 100 * at_sink))
    graph: Any = SimpleNamespace(first=first, last=last, grid=SimpleNamespace(prefix=1))
    return method._outer_cut_notice(flow, graph)


@pytest.mark.parametrize(
    ("method", "first", "advice"),
    [
        (Flow(), 1, "; try discard=0.97 with layers=7:12, or fusion=gradient"),
        (Flow(discard=0.97), 1, "; try layers=7:12, too, or fusion=gradient"),
        (Flow(layers=(7, 12)), 7, "; try discard=0.97, too, or fusion=gradient"),
        (Flow(discard=0.98, layers=(7, 12)), 7, "; try fusion=gradient"),
        (Flow(discard=0.98, layers=(7, 12), fusion="gradient"), 7, " 0% tie at the source"),
    ],
)
def test_what_is_advised_is_not_what_was_done(method: Flow, first: int, advice: str) -> None:
    (said,) = notice(method, first, 12, 0.95)
    assert said.startswith(f"this flow shows layer {first} only: 95% of the patches")
    assert said.endswith(advice)


def test_nothing_is_said_where_cuts_lie_between_or_of_one_layer() -> None:
    assert notice(Flow(), 1, 12, 0.85) == ()
    assert notice(Flow(layers=(3, 3)), 3, 3, 1.0) == ()
