"""How machines are dealt out: what is asked for fits on them, one by one."""

from __future__ import annotations

import pytest

from vitexplain.batch.engines.shares import Node, Shares, dealt_out
from vitexplain.errors import UsageError


@pytest.mark.parametrize(
    ("nodes", "count", "threads", "expected"),
    [
        ([Node(2)], None, None, Shares(1, 2)),
        ([Node(8)], None, None, Shares(2, 4)),
        ([Node(64)], None, 8, Shares(8, 8)),
        ([Node(0), Node(16), Node(16)], None, None, Shares(8, 4)),
        ([Node(4), Node(4)], 3, None, Shares(3, 2)),
        ([Node(2)], 4, None, Shares(4, 0.5)),
        ([Node(1)], None, None, Shares(1, 1)),
        ([Node(3)], 2, None, Shares(2, 1)),
    ],
)
def test_processors(nodes: list[Node], count: int | None, threads: int | None, expected: Shares) -> None:
    assert dealt_out(nodes, count, on_gpus=False, threads=threads) == expected


@pytest.mark.parametrize(
    ("nodes", "count", "expected"),
    [
        ([Node(16, 4)], None, Shares(4, 4, 1)),
        ([Node(16, 4), Node(16, 4)], None, Shares(8, 4, 1)),
        ([Node(16, 2)], 4, Shares(4, 4, 0.5)),
        ([Node(32, 1), Node(8)], None, Shares(1, 32, 1)),
        ([Node(8, 8)], 3, Shares(3, 2, 1)),
        ([Node(32), Node(4, 4)], None, Shares(4, 1, 1)),
        ([Node(16, 1), Node(4, 2)], None, Shares(3, 2, 1)),
        ([Node(0, 2), Node(8)], None, Shares(2, 0, 1)),
    ],
)
def test_gpus(nodes: list[Node], count: int | None, expected: Shares) -> None:
    assert dealt_out(nodes, count, on_gpus=True) == expected


def test_without_a_gpu_none_can_be_asked_for() -> None:
    with pytest.raises(UsageError, match="no machine of the Ray cluster has a GPU"):
        dealt_out([Node(8)], None, on_gpus=True)


@pytest.mark.parametrize("count", range(1, 20))
@pytest.mark.parametrize("cpus", [[1], [2], [3, 5], [0, 4, 7], [16, 2]])
def test_all_of_them_can_run_at_once(cpus: list[int], count: int) -> None:
    each = dealt_out([Node(number) for number in cpus], count, on_gpus=False).cpus
    assert sum(int(number / each + 1e-9) for number in cpus) >= count
