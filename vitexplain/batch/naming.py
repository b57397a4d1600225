"""The names of each input's files: its own path below the output folder, whatever else is done already."""

from __future__ import annotations

from collections.abc import Sequence

from vitexplain.output import Stems, stem_below
from vitexplain.output.listing import ListedPicture
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS

_OWN = frozenset((LOCK, MANIFEST, RECORDS))


def named(inputs: Sequence[ListedPicture]) -> dict[str, str]:
    """Return the stem of every input by its path; two never share one, even where case does not count."""
    stems = Stems()
    return {each.path: stems.claim(each.path, _free(stem_below(each.relative))) for each in inputs}


def _free(stem: str) -> str:
    """Return the stem, changed if a folder of pictures (called "lock", say) would clash with the batch's own file."""
    first = stem.partition("/")[0]
    return f"_{stem}" if first.casefold() in _OWN and "/" in stem else stem
