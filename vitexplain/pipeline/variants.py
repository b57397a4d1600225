"""One image explained by variants of the methods (by layer, by head), and its attention graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.graph import ImageGraph, image_graph
from vitexplain.images import open_picture, prepare
from vitexplain.methods import Method, cut_off, has_layers, single_heads
from vitexplain.methods.method import GraphOptions
from vitexplain.models import LoadedModel
from vitexplain.pipeline.doors import Request, explain_batch, path_of
from vitexplain.result import Result


def explain_alone(model: LoadedModel, image: Any, request: Request) -> Result:
    """Return the image explained by the methods as they are; raises what is wrong with the image."""
    return _explain(model, image, request, None)


def explain_by_layer(model: LoadedModel, image: Any, request: Request) -> Result:
    """Return the image explained by every method on the graph cut off after each of its layers.

    The explanations of a method stand together, in the order of the layers; one without layers is there once.
    """

    def variants(method: Method, forward_pass: ForwardPass) -> Iterable[Method]:
        return cut_off(method, forward_pass).values() if has_layers(method) else (method,)

    return _explain(model, image, request, variants)


def explain_by_head(model: LoadedModel, image: Any, request: Request) -> Result:
    """Return the image explained by every method with every single head, raw attention also for every layer.

    The explanations of a method stand together, in the order of the layers, then of the heads.
    """
    return _explain(model, image, request, single_heads)


def explain_graph(model: LoadedModel, image: Any, request: Request) -> tuple[Result, ImageGraph]:
    """Return the image explained by the one method asked for, a rollout, and the graph that it is computed on."""
    (method,) = request.methods
    assert isinstance(method, GraphOptions)
    found: list[ImageGraph] = []

    def keep(_: Method, forward_pass: ForwardPass) -> Iterable[Method]:
        device = "cpu" if forward_pass.pixels.device.type == "mps" else None
        found.append(image_graph(method.graph(forward_pass, dtype=torch.float64, device=device)))
        return (method,)

    result = _explain(model, image, request, keep)
    return result, found[0]


def _explain(
    model: LoadedModel,
    image: Any,
    request: Request,
    variants: Callable[[Method, ForwardPass], Iterable[Method]] | None,
) -> Result:
    """Return the image explained by the variants, which know the model's layers and heads from a first forward pass."""
    started = time.perf_counter()
    picture = open_picture(image, max_pixels=request.max_pixels, name=path_of(image))
    pixels, seen = prepare(picture, model.preprocess, request.view)
    read = time.perf_counter() - started
    request.targets(model)
    if variants is not None:
        request = replace(request, methods=_varied(model, pixels, request, variants))
    (result,) = explain_batch(model, [(picture, pixels, seen)], request, [read])
    return result


def _varied(
    model: LoadedModel,
    pixels: np.ndarray[Any, np.dtype[np.float32]],
    request: Request,
    variants: Callable[[Method, ForwardPass], Iterable[Method]],
) -> tuple[Method, ...]:
    inputs = torch.from_numpy(pixels)[None].to(model.device, model.dtype)
    first = ForwardPass(model, inputs, {fusion for method in request.methods for fusion in method.fusions})
    return tuple(variant for method in request.methods for variant in variants(method, first))
