"""The default method, for whoever chose none: the map that was best at showing what the model uses, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitexplain.methods import Method, options_of, parse_methods
from vitexplain.methods.attn_lrp import AttnLrp, no_rule
from vitexplain.methods.blank_out import BlankOut
from vitexplain.methods.integrated_gradients import IntegratedGradients
from vitexplain.methods.rollout import Rollout
from vitexplain.models import LoadedModel

SMOOTH = 0.5
DEFAULT, GRADIENT, PLAIN = f"attn-lrp:smooth={SMOOTH}", "rollout:fusion=gradient", "rollout"
"""The first, over all layers, is the default: the table in the guide (judging.md) says why. It explains a class, takes
a backward pass and a rule for every function of the model; the second, over the upper three quarters of the layers,
takes the backward pass alone, and the third, the rollout of the paper, neither."""


@dataclass(frozen=True)
class Default(AttnLrp):
    """The default before a model is known; its options are those given for it."""

    def for_model(self, model: LoadedModel, *, class_asked: bool) -> tuple[Method, str | None]:
        """Return the method for this model, and in words why it is another one, None where it is the default.

        Gradient rollout where AttnLRP has no rule; plain rollout without classifier or where gradients cannot be had,
        unless a class was asked for: what stands in its way is then said, not forgotten. Neither is smoothed as the
        default is, unless otherwise.
        """
        smooth = 0.0 if self.smooth == SMOOTH else self.smooth
        asked = DefaultRollout(smooth=smooth, fusion="gradient", layers=self.layers)
        rollout, why = asked.for_model(model, class_asked=class_asked)
        if model.network.graphless:
            return self._without_graph(model)
        if why or not model.takes_gradients:
            return rollout, why
        why = no_rule(model)
        if why:
            return rollout, f"{GRADIENT} instead of the default: {why.partition(':')[0]}"
        return AttnLrp(**{**options_of(self), "layers": self.layers or (1, model.depth)}), None

    def _without_graph(self, model: LoadedModel) -> tuple[Method, str]:
        """Return what needs no layers: AttnLRP down to the pixels, or integrated gradients where it has no rule."""
        model.require_classifier()
        why = f"there is no graph of attention ({model.network.graphless})"
        if not model.takes_gradients:
            return BlankOut(smooth=self.smooth), f"blank-out instead of the default: {why}, and no gradients"
        missing = no_rule(model)
        if missing is None:
            return AttnLrp(**options_of(self)), f"the default goes down to the pixels: {why}"
        return IntegratedGradients(
            smooth=self.smooth
        ), f"integrated-gradients instead of the default: {why}, and {missing.partition(':')[0]}"


@dataclass(frozen=True)
class DefaultRollout(Rollout):
    """Gradient rollout before a model is known, with options that were given for the default."""

    def for_model(self, model: LoadedModel, *, class_asked: bool) -> tuple[Rollout, str | None]:
        """Return it over the model's upper layers, 4 to 12 of 12, unless layers were given; or plain rollout, and why.

        Plain where `why_plain` says a reason, unless a class was asked for.
        """
        options = options_of(self)
        reason = None if class_asked else why_plain(model)
        if reason:
            return Rollout(
                **{**options, "fusion": "mean", "rules": "plain"}
            ), f"plain {PLAIN} instead of the default: {reason}"
        first = model.depth // 4 + 1
        if self.layers is None and first > 1:
            options["layers"] = (first, model.depth)
        return Rollout(**options), None


def with_default_for(
    model: LoadedModel, methods: Sequence[Method], *, class_asked: bool
) -> tuple[tuple[Method, ...], tuple[str, ...]]:
    """Return the methods, a default among them fitted to the model, and what to say where it had to give way."""
    fitted, notices = [], []
    for method in methods:
        why = None
        if isinstance(method, Default | DefaultRollout):
            method, why = method.for_model(model, class_asked=class_asked)
        fitted.append(method)
        notices += [why] if why else []
    return tuple(fitted), tuple(notices)


def those_possible(model: LoadedModel, methods: Sequence[Method]) -> tuple[Method, ...]:
    """Return the default, which gives way by itself, and those of the other methods that the model can do."""
    gradients = model.takes_gradients and bool(model.num_classes)
    return tuple(
        method
        for method in methods
        if isinstance(method, Default | DefaultRollout)
        or ((gradients or "gradients" not in method.needs) and method.why_not(model) is None)
    )


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

    Options that rollout alone has ask for gradient rollout with these options; a fusion or a head among those takes
    precedence: then it is the rollout that they ask for, whatever the model.
    """
    names = set(flags or {})
    if {"fusion", "head"} & names:
        return parse_methods(PLAIN, flags)
    if names - {"smooth", "layers"}:
        return tuple(DefaultRollout(**options_of(method)) for method in parse_methods(GRADIENT, flags))
    smoothed = {"smooth": str(SMOOTH), **(flags or {})}
    return tuple(Default(**options_of(method)) for method in parse_methods(AttnLrp.name, smoothed))


def chosen_methods(specs: Sequence[str], flags: Mapping[str, str]) -> tuple[Method, ...]:
    """Return the methods of `specs`, the default where there are none, with the options of `flags` (name -> text)."""
    return parse_methods(specs, flags) if specs else default_methods(flags)
