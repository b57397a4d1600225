"""The doors of the library: image -> Result, images -> Results and Failures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitexplain.errors import LimitError, ModelError, VitexplainError
from vitexplain.forward_pass import ForwardPass
from vitexplain.images import DEFAULT_MAX_PIXELS, Picture, PictureInput, View, ViewKind, open_picture, prepare
from vitexplain.images.files import shown
from vitexplain.methods import Method, default_methods, parse_methods
from vitexplain.models import LoadedModel, load_model, wrap_model
from vitexplain.pipeline.explanations import AS_THEY_ARE, NO_PREDICTIONS, Variants, explanations
from vitexplain.pipeline.request import Request, check_view
from vitexplain.result import Failure, ModelInfo, Prediction, Result

if TYPE_CHECKING:
    from torch import nn


def explain(
    model: str | nn.Module | LoadedModel,
    image: PictureInput,
    methods: Sequence[str | Method] | None = None,
    *,
    view: ViewKind | None = None,
    top_k: int = 5,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    target: str = "top1",
    against: str | None = None,
) -> Result:
    """Classify one image and explain the prediction.

    `model`: a name ("builtin", "vit_base_patch16_224"), a model from `load_model`, or a torch ViT that the caller
    built. `image`: a path, an open binary file, a PIL image, or an array (H, W, 3) or (H, W) of uint8. `methods`:
    specs such as "rollout" or "flow:layers=7:12"; by default rollout with gradient fusion over the upper three quarters
    of the layers, or plain rollout where the model has no classifier or half precision. `target`: what class-specific
    methods explain, "top1", "top5", an index as text, a label, "koala,pig", "all"; `against`: a class whose logit is
    subtracted. Raises a VitexplainError.
    """
    request = _request(methods, view=view, top_k=top_k, max_pixels=max_pixels, target=target, against=against)
    loaded, request = _loaded(model, request)
    return explain_one(loaded, image, request)


def explain_many(
    model: str | nn.Module | LoadedModel,
    images: Iterable[PictureInput],
    methods: Sequence[str | Method] | None = None,
    *,
    view: ViewKind | None = None,
    top_k: int = 5,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    target: str = "top1",
    against: str | None = None,
) -> Iterator[Result | Failure]:
    """Explain images one after the other, in their order; an image that cannot be read gives a Failure, not an error.

    Arguments as in `explain`. Options and the model are checked before the first image is read.
    """
    request = _request(methods, view=view, top_k=top_k, max_pixels=max_pixels, target=target, against=against)
    loaded, request = _loaded(model, request)
    return explain_each(loaded, images, request)


def explain_each(model: LoadedModel, images: Iterable[PictureInput], request: Request) -> Iterator[Result | Failure]:
    """Explain images one after the other with a loaded model; an image that cannot be explained gives a Failure."""
    for image in images:
        started = time.perf_counter()
        try:
            yield explain_one(model, image, request, path_of(image))
        except VitexplainError as error:
            seconds = {"total": time.perf_counter() - started}
            yield Failure(path=path_of(image), error=error, seconds=seconds)


def explain_one(
    model: LoadedModel,
    image: PictureInput,
    request: Request,
    name: str | None = None,
    variants: Variants = AS_THEY_ARE,
) -> Result:
    """Read one image, called `name` where it has no path of its own, and explain it by variants of the methods."""
    started = time.perf_counter()
    picture = open_picture(image, max_pixels=request.max_pixels, name=name)
    pixels, seen = prepare(picture, model.preprocess, request.view)
    read = time.perf_counter() - started
    try:
        return explain_batch(model, [(picture, pixels, seen)], request, [read], variants=variants)[0]
    except torch.OutOfMemoryError:
        raise LimitError(
            f"{shown(picture.path or 'the image')}: too large for the memory of {model.device}: give --method rollout, "
            "which needs no gradients, a smaller view, or --device cpu"
        ) from None


def explain_batch(
    model: LoadedModel,
    images: Sequence[tuple[Picture, np.ndarray[Any, np.dtype[np.float32]], View]],
    request: Request,
    read_seconds: Sequence[float],
    *,
    pad_to: int = 0,
    variants: Variants = AS_THEY_ARE,
) -> list[Result]:
    """Explain images of one pixel size in one forward pass, padded to `pad_to` images where that is larger.

    Padding makes the arithmetic of a short batch that of a full one, so that scores do not depend on the batch.
    """
    count = len(images)
    stacked = np.stack([pixels for _, pixels, _ in images])
    if pad_to > count:
        stacked = np.concatenate([stacked, np.repeat(stacked[-1:], pad_to - count, axis=0)])
    keys = tuple(picture.sha256 for picture, _, _ in images)
    keys += keys[-1:] * (len(stacked) - count)
    fusions = {fusion for method in request.methods for fusion in method.fusions} | variants.fusions
    targets = request.targets(model)
    gradients = any("gradients" in method.needs for method in request.methods)
    started = time.perf_counter()
    inputs = torch.from_numpy(stacked).to(model.device, model.dtype)
    forward_pass = ForwardPass(model, inputs, fusions, keys, gradients=gradients, verify=request.verify)
    predictions = _predictions(model, forward_pass, request.top_k)
    modelled = time.perf_counter() - started
    explained_images = explanations(forward_pass, request.methods, targets, count, variants)
    explained = time.perf_counter() - started - modelled
    info = _model_info(model, forward_pass)
    runtime = {
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "batch_size": len(stacked),
    }
    return [
        Result(
            picture=picture,
            view=seen,
            model=info,
            predictions=predictions[index],
            explanations=explained_images[index],
            runtime=runtime,
            seconds={
                "read": read_seconds[index],
                "forward_pass": modelled / count,
                "methods": explained / count,
            },
            notices=model.notices if model.num_classes else (*model.notices, NO_PREDICTIONS.format(model.name)),
        )
        for index, (picture, _, seen) in enumerate(images)
    ]


def check_request(model: LoadedModel, request: Request) -> None:
    """Raise the error that every image would meet (layers that the model does not have, say): explains a blank one.

    Methods that run the model many times are left out.
    """
    check_view(model, request)
    quick = tuple(method for method in request.methods if "model" not in method.needs)
    request = replace(request, methods=quick, target="top1", against=None)
    if request.view == "whole":
        return  # its grid is the picture's: what fits one may not fit another
    height, width = model.preprocess.size
    picture = open_picture(np.zeros((height, width, 3), np.uint8))
    pixels, seen = prepare(picture, model.preprocess, request.view)
    explain_batch(model, [(picture, pixels, seen)], request, [0.0])


def _request(methods: Sequence[str | Method] | None, **rest: Any) -> Request:
    """Return what is asked, of any model."""
    chosen = default_methods() if methods is None else parse_methods(methods)
    return Request(chosen, by_default=methods is None, **rest)


def _loaded(model: str | nn.Module | LoadedModel, request: Request) -> tuple[LoadedModel, Request]:
    """Return the model, and the request as it can serve it."""
    loaded = _any_model(model)
    request = request.served_by(loaded)
    request.targets(loaded)
    return loaded, request


def _any_model(model: str | nn.Module | LoadedModel) -> LoadedModel:
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, str):
        return load_model(model)
    if isinstance(model, torch.nn.Module):
        return wrap_model(model)
    raise ModelError(
        f"model of type {type(model).__name__} is not known: give a name, a torch module or load_model(...)"
    )


def path_of(image: PictureInput) -> str | None:
    """Return the path as given, "-" for standard input, None for what has no path."""
    if image is getattr(sys.stdin, "buffer", sys.stdin):
        return "-"
    return os.fsdecode(image) if isinstance(image, str | bytes | os.PathLike) else None


def _predictions(model: LoadedModel, forward_pass: ForwardPass, top_k: int) -> list[tuple[Prediction, ...]]:
    """Return the `top_k` most probable classes of every image; none for a model without classifier."""
    logits = forward_pass.logits
    if logits is None:
        _ = forward_pass.output
        return [()] * forward_pass.pixels.size(0)
    top = logits.softmax(-1).cpu().topk(min(top_k, logits.size(-1)))
    labels = model.labels
    return [
        tuple(
            Prediction(
                index=index,
                label=labels.name(index) if labels else None,
                id=labels.id(index) if labels else None,
                probability=probability,
            )
            for index, probability in zip(indices, probabilities, strict=True)
        )
        for indices, probabilities in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]


def _model_info(model: LoadedModel, forward_pass: ForwardPass) -> ModelInfo:
    layout = forward_pass.layout
    return ModelInfo(
        name=model.name,
        source=model.source,
        layers=forward_pass.layers,
        heads=forward_pass.heads,
        tokens=layout.tokens,
        prefix=layout.prefix,
        grid=(layout.rows, layout.cols),
    )
