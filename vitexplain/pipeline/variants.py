"""One forward pass of one image: explained by variants of the methods (by layer, by head), with its graph."""

from __future__ import annotations

import torch

from vitexplain.attention import EVERY_HEAD
from vitexplain.forward_pass import ForwardPass
from vitexplain.graph import ImageGraph, image_graph
from vitexplain.images import PictureInput
from vitexplain.methods import Method, cut_off, has_layers, scores_by_layer, single_heads
from vitexplain.methods.method import GraphOptions
from vitexplain.models import LoadedModel
from vitexplain.pipeline.doors import explain_one, path_of
from vitexplain.pipeline.explanations import AS_THEY_ARE, Scored, Variants, as_it_is
from vitexplain.pipeline.request import Request
from vitexplain.result import Result


def explain_alone(model: LoadedModel, image: PictureInput, request: Request) -> Result:
    """Return the image explained by the methods as they are; raises what is wrong with the image."""
    return explain_one(model, image, request, path_of(image), AS_THEY_ARE)


def explain_by_layer(model: LoadedModel, image: PictureInput, request: Request) -> Result:
    """Return the image explained by every method on the graph cut off after each of its layers.

    The explanations of a method, and of a class where it explains several, stand together, in the order of the layers;
    a method without layers is there once.
    """
    return explain_one(model, image, request, path_of(image), Variants(_by_layer))


def explain_by_head(model: LoadedModel, image: PictureInput, request: Request) -> Result:
    """Return the image explained by every method with every single head, raw attention also for every layer.

    The explanations of a method stand together, in the order of the layers, then of the heads.
    """
    return explain_one(model, image, request, path_of(image), Variants(_by_head, frozenset({EVERY_HEAD})))


def explain_graph(model: LoadedModel, image: PictureInput, request: Request) -> tuple[Result, ImageGraph]:
    """Return the image explained by the one method asked for, a rollout, and the graph that it is computed on."""
    (method,) = request.methods
    assert isinstance(method, GraphOptions)
    found: list[ImageGraph] = []

    def keep_graph(_: Method, forward_pass: ForwardPass) -> list[Scored]:
        device = "cpu" if forward_pass.pixels.device.type == "mps" else None
        found.append(image_graph(method.graph(forward_pass, dtype=torch.float64, device=device)))
        return as_it_is(method, forward_pass)

    result = explain_one(model, image, request, path_of(image), Variants(keep_graph))
    return result, found[0]


def _by_layer(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    if not has_layers(method):
        return as_it_is(method, forward_pass)
    scores = scores_by_layer(method, forward_pass)
    return [(cut, scores[layer]) for layer, cut in cut_off(method, forward_pass).items()]


def _by_head(method: Method, forward_pass: ForwardPass) -> list[Scored]:
    return [(single, single(forward_pass)) for single in single_heads(method, forward_pass)]
