"""The default method, for whoever chose none: the rollout that was best at showing what the model uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitexplain.methods import Method, options_of, parse_methods
from vitexplain.methods.rollout import Rollout
from vitexplain.models import LoadedModel

DEFAULT, PLAIN = "rollout:fusion=gradient", "rollout"
"""The first, over the upper three quarters of the layers, is the best of the rollouts by insertion minus deletion on
200 validation images of the built-in model (the table in the README). It explains a class and takes a backward pass;
the second, the rollout of the paper, needs neither."""


@dataclass(frozen=True)
class Default(Rollout):
    """The default before a model is known; its options are those given for it, its fusion is by gradient."""

    def for_model(self, model: LoadedModel, *, class_asked: bool) -> Rollout:
        """Return the rollout for this model: over its upper layers, 4 to 12 of 12, unless layers were given.

        Plain rollout for a model without classifier or with numbers too coarse for gradients, unless a class was asked
        for: what stands in its way is then said, not forgotten.
        """
        options = options_of(self)
        if not class_asked and why_plain(model):
            return Rollout(**{**options, "fusion": "mean", "rules": "plain"})
        first = model.depth // 4 + 1
        if self.layers is None and first > 1:
            options["layers"] = (first, model.depth)
        return Rollout(**options)


def why_plain(model: LoadedModel) -> str | None:
    """Return why the default gives way to plain rollout; None for a model that it suits."""
    if not model.num_classes:
        return "the model has no classifier"
    if model.takes_gradients:
        return None
    stopped = model.stops_gradients
    return f"it needs gradients, which {stopped}" if stopped else "half precision is too coarse for gradients"


def default_methods(flags: Mapping[str, str] | None = None) -> tuple[Method, ...]:
    """Return the default with the options of `flags` (name -> text).

    A fusion or a head among them takes precedence: then it is the rollout that they ask for, whatever the model.
    """
    if {"fusion", "head"}.intersection(flags or {}):
        return parse_methods(PLAIN, flags)
    return tuple(Default(**options_of(method)) for method in parse_methods(DEFAULT, flags))


def chosen_methods(specs: Sequence[str], flags: Mapping[str, str]) -> tuple[Method, ...]:
    """Return the methods of `specs`, the default where there are none, with the options of `flags` (name -> text)."""
    return parse_methods(specs, flags) if specs else default_methods(flags)
