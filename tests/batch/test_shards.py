"""Which share a process explains: as given, or as the variables of Slurm and torchrun say."""

from __future__ import annotations

import pytest

from vitexplain.batch.inputs import Input
from vitexplain.batch.parts import Part, Shard, cut
from vitexplain.batch.shards import shard_of
from vitexplain.errors import UsageError

ARRAY = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_MAX": "8"}


@pytest.mark.parametrize(
    ("environment", "number", "count"),
    [
        ({"RANK": "0", "WORLD_SIZE": "4"}, 1, 4),
        ({"SLURM_PROCID": "3", "SLURM_NTASKS": "4"}, 4, 4),
        # torchrun inside of a task of Slurm: its own numbers go over all nodes.
        ({"RANK": "5", "WORLD_SIZE": "8", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"}, 6, 8),
        ({**ARRAY, "SLURM_ARRAY_TASK_COUNT": "4"}, 3, 4),
        # The script of an array's job has a number, but no tasks of its own.
        ({**ARRAY, "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_PROCID": "0"}, 3, 4),
        ({**ARRAY, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_STEP": "2"}, 2, 2),
        ({**ARRAY, "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_PROCID": "1", "SLURM_NTASKS": "3"}, 8, 12),
    ],
)
def test_auto_understands_launchers(environment: dict[str, str], number: int, count: int) -> None:
    assert shard_of("auto", environment) == Shard(number, count)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "found no share of this process: expected RANK and WORLD_SIZE"),
        ({"RANK": "1"}, "found no share"),
        ({"SLURM_PROCID": "1", "WORLD_SIZE": "2"}, "found no share"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, "found no share"),
        (ARRAY, "found no share"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "process 2 of 2, counted from 0, in RANK and WORLD_SIZE"),
        ({**ARRAY, "SLURM_ARRAY_TASK_COUNT": "3"}, "without gaps, given 3 tasks from 5 to 8: start the array 5-7"),
    ],
)
def test_auto_says_what_is_missing(environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        shard_of("auto", environment)


@pytest.mark.parametrize("text", ["3/2", "0/2", "1/0", "1", "1/2/3", "a/b", "-1/2", "1/ 2", "", "²/3"])
def test_a_share_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not valid: expected I/N"):
        shard_of(text, {})


@pytest.mark.parametrize("units", [[1000], [10] * 100, [3, 250, 0, 1, 95]])
def test_every_part_is_the_share_of_one_process_and_shares_are_even(units: list[int]) -> None:
    inputs = [
        [Input(f"{unit}/{number}", f"{unit}/{number}") for number in range(size)] for unit, size in enumerate(units)
    ]
    parts = [part for unit, listed in enumerate(inputs) for part, _ in cut(unit, listed, 10)]
    shares = [[part for part in parts if Shard(number, 7).has(part)] for number in range(1, 8)]
    assert sorted(part for share in shares for part in share) == sorted(parts)
    assert max(map(len, shares)) - min(map(len, shares)) <= len(units) // 20 + 2
    assert cut(3, inputs[0][:25], 10).__next__()[0] == Part(3, 0, 0)
