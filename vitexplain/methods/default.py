"""The method for whoever chose none: the rollout that was best at showing what the model uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vitexplain.methods.method import Method
from vitexplain.methods.rollout import Rollout
from vitexplain.methods.spec import parse_methods

DEFAULT, PLAIN = "rollout:fusion=gradient", "rollout"
"""The first, over the upper three quarters of the layers, is the best of the rollouts by insertion minus deletion on
200 validation images of the built-in model (the table in the README). It explains a class and takes a backward pass;
the second, the rollout of the paper, needs neither."""


def is_open(flags: Mapping[str, str]) -> bool:
    """Return whether the flags (name -> text) leave it open how heads become one, so that the default may choose."""
    return not {"fusion", "head"}.intersection(flags)


def default_methods(flags: Mapping[str, str] | None = None) -> tuple[Method, ...]:
    """Return the default with the options of `flags` (name -> text); a fusion or a head there goes before its own.

    Which layers are the upper ones is known once there is a model: `over_upper_layers`.
    """
    return parse_methods(DEFAULT if is_open(flags or {}) else PLAIN, flags)


def chosen_methods(specs: Sequence[str], flags: Mapping[str, str]) -> tuple[tuple[Method, ...], bool]:
    """Return the methods of a command line, and whether they are the default, which may still fit itself to a model."""
    if specs:
        return parse_methods(specs, flags), False
    return default_methods(flags), is_open(flags)


def over_upper_layers(methods: Sequence[Method], layers: int) -> tuple[Method, ...]:
    """Return the default's methods for a model of so many layers: 4 to 12 of 12, unless a flag has named layers."""
    first = layers // 4 + 1
    return tuple(
        replace(method, layers=(first, layers))
        if isinstance(method, Rollout) and method.layers is None and first > 1
        else method
        for method in methods
    )


def without_gradients(methods: Sequence[Method]) -> tuple[Method, ...]:
    """Return the default's methods as they are for a model that has no classifier, or no gradients."""
    return tuple(replace(method, fusion="mean") if isinstance(method, Rollout) else method for method in methods)
