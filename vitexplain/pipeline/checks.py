"""What is wrong with a request before any image is read: options without effect, or that the model cannot serve."""

from __future__ import annotations

from collections.abc import Sequence

from vitexplain.errors import ModelError, UsageError
from vitexplain.images import ViewKind
from vitexplain.methods import (
    METHODS,
    Dimensions,
    Method,
    canonical_spec,
    check_fit,
    has_layers,
    needs_graph,
    options_of,
    with_parts,
    without_graph,
)
from vitexplain.models import LoadedModel


def require_class_method(option: str, methods: Sequence[Method]) -> None:
    """Raise UsageError if none of the methods explains a class, which `option` is about."""
    if not any("target" in method.needs for method in methods):
        chosen = ", ".join(dict.fromkeys(method.name for method in methods))
        raise UsageError(
            f"`{option}=` has no effect: none of the chosen methods ({chosen}) explains a class; add one that does, "
            "such as relevance, or give rollout:fusion=gradient"
        )


def require_flow(option: str, methods: Sequence[Method]) -> None:
    """Raise UsageError if none of the methods is a flow, which `option` is about."""
    if not any(method.name == "flow" for method in methods):
        raise UsageError(f"`{option}=` has no effect: none of the chosen methods is a flow; add `methods=flow`")


def require_layers(methods: Sequence[Method]) -> None:
    """Raise UsageError if a method that is to be animated over layers has no map for each layer."""
    for method in methods:
        if not has_layers(method):
            able = [name for name, kind in METHODS.items() if has_layers(kind())]
            raise UsageError(
                f"method '{canonical_spec(method)}' has no map for each layer, which `over=layers` needs: take "
                f"{', '.join(able)} or attn-lrp with `layers=1:12`, or `over=deletion`"
            )


def check_graph(model: LoadedModel, methods: Sequence[Method]) -> None:
    """Raise ModelError, with the methods that work, if one looks at attention between tokens, and there is none."""
    for method in methods:
        if why := without_graph(model, method):
            able = [name for name, kind in METHODS.items() if name != "mean" and not needs_graph(kind())]
            raise ModelError(f"method '{canonical_spec(method)}': {why}; take {', '.join(able[:-1])} or {able[-1]}")


def check_precision(model: LoadedModel, methods: Sequence[Method]) -> None:
    """Raise UsageError if a method needs gradients, and the model has none, or its numbers are too coarse for them."""
    named = [canonical_spec(method) for method in methods if "gradients" in method.needs]
    if named:
        model.require_gradients(f"method '{named[0]}'")


def check_output(model: LoadedModel, methods: Sequence[Method]) -> None:
    """Raise UsageError if a method measures probabilities, and the model's outputs are none."""
    named = [canonical_spec(method) for method in with_parts(methods) if options_of(method).get("of") == "probability"]
    if named and model.activation == "none":
        raise UsageError(
            f"method '{named[0]}' measures a probability, and the outputs of '{model.name}' are none: use of=logit, or "
            "say what makes probabilities of them with `activation=`"
        )


def check_view(model: LoadedModel, view: ViewKind | None) -> None:
    """Raise UsageError if the model takes no pixels of this view."""
    if view == "whole" and not model.preprocess.flexible:
        size = " x ".join(map(str, model.preprocess.size))
        raise UsageError(f"view whole: model {model.name} takes {size} pixels only: use `view=crop` or squash")


def check_dimensions(model: LoadedModel, methods: Sequence[Method], view: ViewKind | None) -> None:
    """Raise UsageError for layers, a head, a source or a window that the model does not have.

    The grid of a `whole` view is the picture's own: what does not fit it is met with the picture.
    """
    network = model.network
    grid = None if view == "whole" else network.levels(*model.preprocess.size)[0]
    dimensions = Dimensions(len(network.blocks), network.heads, grid, network.readout)
    for method in methods:
        check_fit(method, dimensions)
