"""Scores by layer: what a method gives on the graph cut off after layers 1 to k, for every k, from one forward pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.attn_lrp import AttnLrp
from vitexplain.methods.block_inputs import BlockInputs
from vitexplain.methods.flow import Flow
from vitexplain.methods.method import Method, MethodScores, options_of


def has_layers(method: Method) -> bool:
    """Return whether the method's scores depend on the layers of the graph: whether it has the option `layers`.

    AttnLRP has it, but without it stays at the patch embeddings.
    """
    return "layers" in options_of(method) and not (isinstance(method, AttnLrp) and method.layers is None)


def cut_off(method: Method, forward_pass: ForwardPass) -> dict[int, Method]:
    """Return for every layer k the method on the graph cut off after layer k, that is with layers=1:k.

    A method with layers=A:B is cut off after A to B and keeps A. One without the option `layers` is the same for all.
    """
    options: dict[str, Any] = options_of(method)
    first, last = forward_pass.layer_range(options.get("layers"))
    cut: dict[int, Method] = {}
    for layer in range(first, last + 1):
        cut[layer] = replace(method, layers=(first, layer)) if has_layers(method) else method  # type: ignore[type-var]
    return cut


def scores_by_layer(method: Method, forward_pass: ForwardPass) -> dict[int, MethodScores]:
    """Return for every layer k the scores on the graph cut off after layer k: what the spec METHOD:layers=1:k gives.

    The figures and tables by layer of Abnar & Zuidema 2020, section 4. Raw attention is layer k alone. The source
    is at the output of layer k; below an attention pool it is the mean of the patches.
    """
    if not has_layers(method):
        scores = method(forward_pass)
        return dict.fromkeys(cut_off(method, forward_pass), scores)
    if isinstance(method, Flow | BlockInputs):
        return method.by_layer(forward_pass)
    return {layer: cut(forward_pass) for layer, cut in cut_off(method, forward_pass).items()}
