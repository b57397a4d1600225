"""Check: what the model answers when patches are removed in the order of an explanation's scores, or kept alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitexplain.result.fields import Fields
from vitexplain.result.json_values import plain

if TYPE_CHECKING:
    from vitexplain.result.explanation import Similarity, Target

MOST_PROBABLE, ABOVE_HALF, HALF_WAY = "most-probable", "above-0.5", "half-way"
KEEPS = (MOST_PROBABLE, ABOVE_HALF, HALF_WAY)
"""When a picture without some patches keeps the answer: the class stays the most probable one; its probability, one of
several labels' or one output's, stays above 0.5; for anything else (a class that is not predicted, one against another,
a value, a similarity) the answer stays nearer to that of the whole picture than to that of an empty one."""

_ALIKE = 0.01
"""An answer within this share of the way from the whole picture's to the empty one's is like the mean of the draws."""

_ROUNDING = 1e-6

PROBABILITY, VALUE, SIMILARITY = "probability", "value", "similarity"
ANSWERS = (PROBABILITY, VALUE, SIMILARITY)


@dataclass(frozen=True)
class Answers:
    """The answers for as many patches each: the highest, those of each random draw, the lowest."""

    highest: float
    random: tuple[float, ...]
    lowest: float

    @property
    def mean(self) -> float:
        """The mean over the random draws."""
        return sum(self.random) / len(self.random)

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"highest": self.highest, "random": list(self.random), "lowest": self.lowest}

    @classmethod
    def from_record(cls, fields: Fields) -> Answers:
        """Return what `to_record` wrote; InputError: a field that is missing or of another type."""
        draws = fields.items("random")
        if not draws:
            raise fields.wrong("random", "is empty")
        return cls(fields.number("highest"), fields.numbers("random", len(draws)), fields.number("lowest"))


@dataclass(frozen=True)
class Check:
    """One explanation checked by removal.

    `of`: whether answers are the target's probability, its value, or the similarity to a reference. `patches`: how many
    were removed, or kept, at once, `share` of all. `fill` is what replaced them, `seed` that of the random draws.
    `whole` and `empty` are the answers for the picture and for none of its patches. `keeps`: a word of KEEPS.

    `sufficient`: the smallest set in the order of the scores that, alone, keeps the answer, (row, col) of its patches,
    the highest first. `changes`: how many of the highest have to be removed until the answer is lost; None: it is kept
    without any patch. Both were found by bisection: one patch fewer is not enough, but where the answer comes and goes
    with more patches, a smaller set may do.
    """

    target: Target | Similarity
    of: str
    fill: str
    seed: int
    share: float
    patches: int
    whole: float
    empty: float
    removed: Answers
    kept: Answers
    keeps: str
    sufficient: tuple[tuple[int, int], ...]
    changes: int | None

    @property
    def beats_random(self) -> bool:
        """Whether the highest patches matter more than random ones, removed or alone."""
        return self.beats_removed or self.beats_kept

    @property
    def beats_removed(self) -> bool:
        """Whether without the highest patches the answer is lower than without random ones.

        That is as low as without those of the best draw, which may hold the same patches, and lower than the mean of
        the draws.
        """
        removed = self.removed
        return removed.highest <= min(removed.random) + _ROUNDING and removed.highest < removed.mean - self._alike

    @property
    def beats_kept(self) -> bool:
        """Whether with the highest patches alone the answer is higher than with random ones, in the same sense."""
        kept = self.kept
        return kept.highest >= max(kept.random) - _ROUNDING and kept.highest > kept.mean + self._alike

    @property
    def _alike(self) -> float:
        return _ALIKE * abs(self.whole - self.empty) + _ROUNDING

    def outlined(self, rows: int, cols: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which patches (rows, cols) are in the sufficient set."""
        found = np.zeros((rows, cols), np.bool_)
        for row, col in self.sufficient:
            found[row, col] = True
        return found

    def to_record(self, target: Mapping[str, Any]) -> dict[str, Any]:
        """Return it as JSON values; `target` is that of the check."""
        return {
            "target": dict(target),
            "of": self.of,
            "fill": self.fill,
            "seed": self.seed,
            "share": self.share,
            "patches": self.patches,
            "whole": self.whole,
            "empty": self.empty,
            "removed": self.removed.to_record(),
            "kept": self.kept.to_record(),
            "beats_random": self.beats_random,
            "keeps": self.keeps,
            "suffices": len(self.sufficient),
            "sufficient": plain(self.sufficient),
            "changes": self.changes,
        }

    @classmethod
    def from_record(cls, fields: Fields, target: Target | Similarity, shape: tuple[int, ...]) -> Check:
        """Return what `to_record` wrote of scores of this shape; InputError: a field that is missing or wrong."""
        return cls(
            target=target,
            of=fields.one_of("of", ANSWERS),
            fill=fields.text("fill"),
            seed=fields.whole("seed"),
            share=fields.number("share"),
            patches=fields.whole("patches"),
            whole=fields.number("whole"),
            empty=fields.number("empty"),
            removed=Answers.from_record(fields.inside("removed")),
            kept=Answers.from_record(fields.inside("kept")),
            keeps=fields.one_of("keeps", KEEPS),
            sufficient=_places(fields, shape),
            changes=None if fields.is_null("changes") else fields.whole("changes"),
        )


def _places(fields: Fields, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    places = np.array(fields.items("sufficient"), dtype=object).reshape(-1)
    found = np.array([each if type(each) is int else -1 for each in places], np.int64)
    if found.size % 2 or (found < 0).any() or (found.reshape(-1, 2) >= shape).any():
        raise fields.wrong("sufficient", "is not a list of [row, column] inside the grid")
    return tuple((int(row), int(col)) for row, col in found.reshape(-1, 2))
