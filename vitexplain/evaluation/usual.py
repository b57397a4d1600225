"""The usual methods: what is judged where nobody says what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from vitexplain.errors import ModelError
from vitexplain.evaluation.measuring import made_for
from vitexplain.methods import Method, canonical_spec, parse_spec, without_graph
from vitexplain.models import LoadedModel
from vitexplain.pipeline.default import default_methods, with_default_for

USUAL = ("attn-lrp", "relevance", "raw", "rollout", "flow")
"""Judged beside the default: two that explain a class, and the three of the paper."""


def usual_methods(flags: Mapping[str, str] | None = None) -> tuple[Method, ...]:
    """Return the default and the others, with the options of `flags` (name -> text) that they have."""
    return (*default_methods(flags), *(parse_spec(spec, flags) for spec in USUAL))


def that_work(
    methods: Sequence[Method], model: LoadedModel, *, class_asked: bool
) -> tuple[tuple[Method, ...], tuple[str, ...]]:
    """Return those of the methods, each once, that the model can do, and a notice for each of the others.

    The default is fitted to the model. What needs gradients is tried on one grey picture.
    """
    fitted, told = with_default_for(model, methods, class_asked=class_asked)
    found, notices = [], list(told)
    for method, problem in _tried(list(dict.fromkeys(fitted)), model):
        if problem is None:
            found.append(method)
        else:
            notices.append(f"{canonical_spec(method)} is not judged: {problem}")
    return tuple(found), tuple(notices)


def _tried(methods: Sequence[Method], model: LoadedModel) -> Iterator[tuple[Method, str | None]]:
    """Yield each method and why the model cannot do it, None if it can."""
    for method in methods:
        problem = without_graph(model, method)
        if problem is None and "gradients" in method.needs:
            if not model.takes_gradients:
                problem = f"it needs gradients, which {model.without_gradients}"
            else:
                problem = _problem(method, model)
        yield method, problem


def _problem(method: Method, model: LoadedModel) -> str | None:
    pixels = torch.zeros(1, 3, *model.preprocess.size, device=model.device, dtype=model.dtype)
    forward_pass = made_for((method,), model, pixels, "grey")
    try:
        if not model.num_classes:
            forward_pass = forward_pass.for_reference(forward_pass.output)
        method(forward_pass)
    except ModelError as error:
        return str(error)
    return None
