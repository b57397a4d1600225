"""Which share of a source this process explains: as it is given, or as Slurm or torchrun tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vitexplain.batch.parts import Shard
from vitexplain.errors import UsageError
from vitexplain.images.files import shown

AUTO = "auto"

_TASKS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
"""Number, counted from 0, and count of the processes of one job, the innermost launcher first."""

_ARRAY = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
_STEP = "SLURM_ARRAY_TASK_STEP"


def shard_of(text: str, environment: Mapping[str, str]) -> Shard:
    """Return share I of N from "I/N", counted from 1, or for "auto" from the environment; UsageError otherwise."""
    if text == AUTO:
        return _found(environment)
    given = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
    number, count = map(int, given.groups()) if given else (0, 0)
    if not 1 <= number <= count:
        raise UsageError(
            f"shard '{shown(text)}' is not valid: expected I/N, share I of N counted from 1, such as 1/4, or auto"
        )
    return Shard(number, count)


def _found(environment: Mapping[str, str]) -> Shard:
    """Return the share of this process among the tasks of its job, and of that job in its array."""
    tasks = [(found, names) for names in _TASKS if (found := _whole(environment, names)) is not None]
    array = _whole(environment, _ARRAY)
    if not tasks and array is None:
        raise UsageError(
            "`shard=auto` found no share of this process: expected RANK and WORLD_SIZE of torchrun, SLURM_PROCID and "
            "SLURM_NTASKS of srun, or SLURM_ARRAY_TASK_ID, _MIN, _MAX and _COUNT of an array of Slurm; give I/N"
        )
    shard = _checked(*tasks[0]) if tasks else Shard()
    if array is not None:
        task, first, last, count = array
        step = (_whole(environment, (_STEP,)) or (1,))[0] or 1
        if (last - first) // step + 1 != count or (task - first) % step:
            raise UsageError(
                f"`shard=auto` needs an array of Slurm without gaps, given {count} tasks from {first} to {last}: start "
                f"the array {first}-{first + count - 1}, or give I/N"
            )
        outer = _checked(((task - first) // step, count), _ARRAY)
        shard = Shard((outer.number - 1) * shard.count + shard.number, outer.count * shard.count)
    return shard


def _whole(environment: Mapping[str, str], names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the values of the variables if all of them are numbers."""
    values = [environment.get(name, "") for name in names]
    return tuple(map(int, values)) if all(re.fullmatch(r"\d{1,9}", each, re.ASCII) for each in values) else None


def _checked(found: tuple[int, ...], names: tuple[str, ...]) -> Shard:
    """Return the share of a process whose number is counted from 0."""
    number, count = found
    if not 0 <= number < count:
        raise UsageError(
            f"`shard=auto` found process {number} of {count}, counted from 0, in {' and '.join(names)}: give I/N"
        )
    return Shard(number + 1, count)
