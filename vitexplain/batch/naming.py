"""The names of each input's files: its own path below the output folder, whatever else is done already."""

from __future__ import annotations

from collections.abc import Sequence

from vitexplain.batch.inputs import Input
from vitexplain.output import stems_of
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS

_OWN = frozenset((LOCK, MANIFEST, RECORDS))


def named(inputs: Sequence[Input]) -> dict[str, str]:
    """Return the stem of every input by its key; two never share one, even where case does not count."""
    stems = stems_of([(each.path, _free(each.name)) for each in inputs])
    return {each.name: stem for each, stem in zip(inputs, stems, strict=True)}


def _free(relative: str) -> str:
    """Return the path, changed if a folder of pictures (called "lock", say) would clash with the batch's own file."""
    first = relative.partition("/")[0]
    return f"_{relative}" if first.casefold() in _OWN and "/" in relative else relative
