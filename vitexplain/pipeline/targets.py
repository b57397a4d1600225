"""Targets: the words top1, top5, above0.5, 281, "koala", "not:koala", "koala,baboon" or all as classes of a model."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsIndex

from vitexplain.errors import UsageError
from vitexplain.models import LoadedModel

if TYPE_CHECKING:
    from torch import Tensor

    from vitexplain.models.labels import Labels

ClassChoice = str | SupportsIndex | Iterable[str | SupportsIndex]
"""Classes as Python gives them: a word, an index (numpy's, too), or several."""

_TOP = re.compile(r"top([0-9]+)")
_ABOVE = re.compile(r"above([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?)")
_NOT = "not:"
_NUMBERED = re.compile(r"(?:LABEL_|class[ -])([0-9]+)", re.IGNORECASE)
"""Names of a class that has none: those of transformers, of tables and of files."""

_LISTED = 6
"""So many labels are named of those that contain a word."""


@dataclass(frozen=True)
class Targets:
    """The classes to explain: the `top` most probable of each image, or the same `classes` for all.

    A class below 0, -1 - k, stands for what lowers class k. `above`: the classes of each image whose probability, or
    value where there are none, is larger, which may be none, in place of the most probable ones. `against`: a class
    whose logit is subtracted, None: none. It is never one of the most probable ones: its difference from itself is 0
    everywhere.
    """

    top: int = 1
    classes: tuple[int, ...] = ()
    against: int | None = None
    above: float | None = None

    def count(self, num_classes: int) -> int:
        """Return how many classes of a model are explained for each image."""
        return len(self.classes) or min(self.top, num_classes - (self.against is not None))

    @property
    def may_be_several(self) -> bool:
        """Whether an image may have more than one class to explain."""
        return self.top > 1 or len(self.classes) > 1 or self.above is not None

    def of(self, logits: Tensor, probabilities: Tensor | None = None) -> Tensor:
        """Return the classes (T, B) for logits (B, C), the most probable one first where `top` or `above` decides.

        `probabilities` (B, C), or values, are what `above` looks at; T is then the most that an image has, and
        `is_asked` says which of an image's classes are above.
        """
        import torch  # as late as this, since the command line reads this module before it needs torch

        if self.classes:
            # Never in the logits' own precision: bfloat16 has no 281.
            classes = torch.tensor(self.classes, device=logits.device)
            return classes[:, None].expand(-1, logits.size(0))
        if self.above is not None:
            assert probabilities is not None
            larger = probabilities > self.above
            if self.against is not None:
                larger[:, self.against] = False
            count = int(larger.sum(1).max())
            return torch.where(larger, logits, -torch.inf).topk(count, -1).indices.T
        count = self.count(logits.size(-1))
        if self.against is None:
            return logits.topk(count, -1).indices.T
        others = torch.cat([logits[:, : self.against], logits[:, self.against + 1 :]], -1).topk(count, -1).indices.T
        return others + (others >= self.against)

    def is_asked(self, classes: Tensor, probabilities: Tensor) -> Tensor:
        """Return for classes (B,), one per image, whether they are to be explained (B,), given probabilities (B, C)."""
        import torch

        if self.above is None:
            return torch.ones_like(classes, dtype=torch.bool)
        larger = probabilities.gather(1, classes[:, None])[:, 0] > self.above
        return larger if self.against is None else larger & (classes != self.against)


def as_words(option: str, given: ClassChoice) -> str | tuple[str, ...]:
    """Return the classes as words: a number becomes its digits, a list a tuple; UsageError for something else."""
    if isinstance(given, str):
        return given
    several = isinstance(given, Iterable) and not isinstance(given, bytes | Mapping) and _index(given) is None
    if several and isinstance(given, Iterable):
        return tuple(_as_word(option, each) for each in given)
    return _as_word(option, given)


def _as_word(option: str, given: object) -> str:
    if isinstance(given, str):
        return given
    index = _index(given)
    if index is not None:
        return str(index)
    raise UsageError(f"{option} {given!r} is of type {type(given).__name__}: expected an index, a label, or several")


def _index(given: object) -> int | None:
    """Return a whole number, Python's, numpy's or torch's, as Python's; None for anything else."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return None


def resolve_targets(target: str | tuple[str, ...], against: str | None, model: LoadedModel) -> Targets:
    """Return the classes that `target` names in the model: top1, topK, aboveP, an index, a label, several, or all.

    "not:" before an index or a label asks for what lowers it. A tuple holds several of them. topK, aboveP and all leave
    out the class of `against`. UsageError: a class that does not exist, with the nearest labels, or that is explained
    against itself; ModelError: a model without classifier.
    """
    model.require_classifier()
    other = None if against is None else _class("against", against, model)
    if other is not None and model.num_classes == 1:
        raise UsageError(f"against '{against}' is the only class of the model: leave it out")
    words = (target,) if isinstance(target, str) else target or ("",)
    named = ",".join(words)
    top = _TOP.fullmatch(named)
    if top and int(top[1]) == 0:
        raise UsageError(f"target '{named}' is no class: top1 is the most probable one, topK the K most probable")
    if top:
        return Targets(int(top[1]), (), other)
    above = _ABOVE.fullmatch(named)
    if above:
        return Targets(0, (), other, _threshold(named, float(above[1]), model))
    if named == "all":
        return Targets(0, tuple(index for index in range(model.num_classes) if index != other), other)
    classes = tuple(dict.fromkeys(index for word in words for index in _classes(word, model, alone=len(words) == 1)))
    if other is not None and min(classes) < 0:
        raise UsageError(f"target '{named}' and against '{against}' cannot be combined: leave one of them out")
    if other in classes:
        raise UsageError(f"target '{named}' and against '{against}' name the same class: give two classes")
    return Targets(0, classes, other)


def _threshold(named: str, above: float, model: LoadedModel) -> float:
    """Return the number above which classes are explained; UsageError: none or every probability is above it."""
    if model.activation != "none" and not 0 <= above < 1:
        raise UsageError(f"target '{named}' is not valid: probabilities lie between 0 and 1, expected above0.5, say")
    return above


def _classes(text: str, model: LoadedModel, *, alone: bool) -> tuple[int, ...]:
    """Return the class of this index or label, or those between the commas; `alone`: no other text names classes."""
    # A label may have a comma of its own: the whole takes precedence.
    labels, named = model.labels, text.removeprefix(_NOT)
    if (alone and "," not in text) or not text.strip() or (labels is not None and labels.find(named)):
        return (_class("target", text, model),)
    parts = [part.strip() for part in text.split(",")]
    if "" in parts:
        raise UsageError(f"target '{text}' has an empty place: give labels and indices with one comma between two")
    for part in parts:
        if part == "all" or _TOP.fullmatch(part) or _ABOVE.fullmatch(part):
            raise UsageError(f"target '{text}': '{part}' stands alone, only labels and indices are joined by commas")
    return tuple(_class("target", part, model) for part in parts)


def _class(option: str, text: str, model: LoadedModel) -> int:
    """Return the class with this index or label; -1 - k for "not:" before that of class k."""
    labels = model.labels
    if option == "target" and text.startswith(_NOT) and not (labels is not None and labels.find(text)):
        return -1 - _class(option, text.removeprefix(_NOT).strip(), model)
    if not text.strip():
        raise UsageError(f"{option} is empty: give a label or an index from 0 to {model.num_classes - 1}")
    numbered = _NUMBERED.fullmatch(text.strip())
    if numbered and not (labels is not None and labels.find(text)):
        text = numbered[1]
    if text.isascii() and text.isdigit():
        if int(text) < model.num_classes:
            return int(text)
        those = f"classes 0 to {model.num_classes - 1}" if model.num_classes > 1 else "class 0 alone"
        raise UsageError(f"{option} {text} does not exist: the model has {those}")
    if labels is None:
        raise UsageError(
            f"{option} '{text}': the model's classes have no names: give an index from 0 to {model.num_classes - 1}, "
            "or names with `labels=`"
        )
    found = labels.find(text)
    if len(found) > 1:
        raise UsageError(f"{option} '{text}' names {len(found)} classes: give an index, {_listed(found)}")
    if not found:
        raise UsageError(
            f"{option} '{text}' is no label of the model: {_like(text, labels)}; an index or top1 works too"
        )
    return found[0]


def _like(text: str, labels: Labels) -> str:
    """Return which labels may have been meant: several that contain the word, else the nearest ones."""
    within = labels.containing(text)
    if len(within) > 1:
        more = len(within) - _LISTED
        return f"{len(within)} contain it, {', '.join(within[:_LISTED])}{f' and {more} more' if more > 0 else ''}"
    near = labels.nearest(text)
    if not near:
        return "no label is like it"
    return f"the nearest {'label is' if len(near) == 1 else 'labels are'} {', '.join(near)}"


def _listed(found: list[int]) -> str:
    return f"{', '.join(str(index) for index in found[:-1])} or {found[-1]}"
