"""Single heads: a method once for every head of the model, and raw attention for every head of every layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vitexplain.errors import UsageError
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.method import Method, canonical_spec, options_of
from vitexplain.methods.raw import Raw


def single_heads(method: Method, forward_pass: ForwardPass) -> tuple[Method, ...]:
    """Return the method once per head; raw attention once per layer and head, from the layer nearest the image.

    Rollout and flow follow one head number through all layers, although head numbers do not correspond between layers.
    UsageError for a method without the option `head`, or with a head chosen already.
    """
    options: dict[str, Any] = options_of(method)
    if "head" not in options:
        raise UsageError(f"method '{method.name}' does not look at single heads: leave out the method or by-head")
    if options["head"] is not None:
        raise UsageError(f"method '{canonical_spec(method)}' already looks at one head: leave out head or by-head")
    heads = range(forward_pass.heads)
    if not isinstance(method, Raw):
        return tuple(replace(method, head=head) for head in heads)  # type: ignore[type-var]
    first, last = forward_pass.layer_range(method.layers)
    layers = range(first, last + 1)
    return tuple(replace(method, head=head, layers=(layer, layer)) for layer in layers for head in heads)
