"""The method for whoever chose none: the rollout that was best at showing what the model uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vitexplain.methods.method import Method
from vitexplain.methods.rollout import Rollout
from vitexplain.methods.spec import parse_methods

DEFAULT, PLAIN = "rollout:fusion=gradient", "rollout"
"""The first is the best of the rollouts by insertion minus deletion on 200 validation images of the built-in model, and
worse by no other measure (the table in the README). It explains a class and takes a backward pass; the second, the
rollout of the paper, needs neither."""


def default_methods(flags: Mapping[str, str] | None = None) -> tuple[Method, ...]:
    """Return the default with the options of `flags` (name -> text); a fusion or a head there goes before its own."""
    return parse_methods(PLAIN if {"fusion", "head"}.intersection(flags or ()) else DEFAULT, flags)


def without_gradients(methods: Sequence[Method]) -> tuple[Method, ...]:
    """Return the default's methods as they are for a model that has no classifier, or no gradients."""
    return tuple(replace(method, fusion="mean") if isinstance(method, Rollout) else method for method in methods)
