"""The entry points of the library: image -> Result, images -> Results and Failures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import torch
from PIL import Image

from vitexplain.errors import LimitError, ModelError, UsageError, VitexplainError
from vitexplain.images import DEFAULT_MAX_PIXELS, PictureInput, ViewKind, open_picture, prepare
from vitexplain.images.files import shown
from vitexplain.methods import Method, parse_methods
from vitexplain.models import LoadedModel, load_model, wrap_model
from vitexplain.models.meaning import AUTO
from vitexplain.pipeline.batch import explain_batch
from vitexplain.pipeline.default import default_methods
from vitexplain.pipeline.request import Request
from vitexplain.pipeline.targets import ClassChoice
from vitexplain.result import Failure, Result

if TYPE_CHECKING:
    from torch import nn


def explain(
    model: str | nn.Module | LoadedModel,
    image: PictureInput,
    methods: Sequence[str | Method] | Request | None = None,
    *,
    view: ViewKind | None = None,
    top_k: int = 5,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    target: ClassChoice = "top1",
    against: str | SupportsIndex | None = None,
    reference_image: PictureInput | None = None,
    activation: str = AUTO,
) -> Result:
    """Classify one image and explain the prediction.

    `model`: a name ("builtin", "vit_base_patch16_224"), a model from `load_model`, or a torch ViT that the caller
    built. `image`: a path, an open binary file, a PIL image, or an array (H, W, 3) or (H, W) of uint8. `methods`:
    specs such as "rollout" or "flow:layers=7:12"; by default rollout with gradient fusion over the upper three quarters
    of the layers, or plain rollout where the model has no classifier or half precision. `target`: what class-specific
    methods explain, "top1", "top5", "above0.5", an index, a label, "koala,pig", a list, "all", or "not:koala" for what
    lowers it; `against`: a class whose logit is subtracted. `reference_image`: a picture, likeness to which they
    explain for a model that returns an embedding. `activation`: what makes probabilities of the outputs (auto, softmax,
    sigmoid or none), for a model that is not loaded yet. A `Request` in place of `methods` holds all these options but
    the last, and more. Raises a VitexplainError.
    """
    loaded, request = _asked(
        model,
        methods,
        activation,
        view=view,
        top_k=top_k,
        max_pixels=max_pixels,
        target=target,
        against=against,
        reference_image=reference_image,
    )
    return _explained(loaded, image, request)


def explain_many(
    model: str | nn.Module | LoadedModel,
    images: Iterable[PictureInput] | PictureInput,
    methods: Sequence[str | Method] | Request | None = None,
    *,
    view: ViewKind | None = None,
    top_k: int = 5,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    target: ClassChoice = "top1",
    against: str | SupportsIndex | None = None,
    reference_image: PictureInput | None = None,
    activation: str = AUTO,
) -> Iterator[Result | Failure]:
    """Explain images one after the other, in their order; an image that cannot be explained gives a Failure.

    Arguments as in `explain`; a single image counts as a list of one. Options and the model are checked before the
    first image is read.
    """
    loaded, request = _asked(
        model,
        methods,
        activation,
        view=view,
        top_k=top_k,
        max_pixels=max_pixels,
        target=target,
        against=against,
        reference_image=reference_image,
    )
    each: Any = [images] if _is_one(images) else images
    return (_explained_or_failure(loaded, image, request) for image in each)


def _asked(
    model: str | nn.Module | LoadedModel,
    methods: Sequence[str | Method] | Request | None,
    activation: str,
    **options: Any,
) -> tuple[LoadedModel, Request]:
    """Return the model, and the request as it serves it."""
    if isinstance(methods, Request):
        defaults = {field.name: field.default for field in fields(Request)}
        given = [name for name, value in options.items() if value is not defaults[name] and value != defaults[name]]
        if given:
            raise UsageError(f"`{given[0]}=` is given beside a request, which has its own: give it there")
        request = methods
    else:
        request = Request(default_methods() if methods is None else parse_methods(methods), **options)
    loaded = _any_model(model, activation)
    return loaded, request.for_model(loaded)


def _explained_or_failure(model: LoadedModel, image: PictureInput, request: Request) -> Result | Failure:
    started = time.perf_counter()
    try:
        return _explained(model, image, request)
    except VitexplainError as error:
        return Failure(_path_of(image), error, {"total": time.perf_counter() - started})


def _explained(model: LoadedModel, image: PictureInput, request: Request) -> Result:
    """Read one image and explain it."""
    started = time.perf_counter()
    picture = open_picture(image, max_pixels=request.max_pixels, name=_path_of(image))
    pixels, seen = prepare(picture, model.preprocess, request.view)
    read = time.perf_counter() - started
    try:
        return explain_batch(model, [(picture, pixels, seen)], request, [read])[0]
    except torch.OutOfMemoryError:
        raise LimitError(
            f"{shown(picture.path or 'the image')}: too large for the memory of {model.device}: give "
            "`methods=rollout`, which needs no gradients, a smaller view, or `device=cpu`"
        ) from None


def _is_one(images: object) -> bool:
    """Whether what was given for several images is one: a path, a file, a picture or the array of one."""
    if isinstance(images, np.ndarray):
        return images.ndim == 2 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))
    return isinstance(images, str | bytes | os.PathLike | Image.Image) or hasattr(images, "read")


def _any_model(model: str | nn.Module | LoadedModel, activation: str) -> LoadedModel:
    if isinstance(model, LoadedModel):
        if activation != AUTO:
            raise UsageError("`activation=` is given beside a loaded model, which has its own: give it to load_model")
        return model
    if isinstance(model, str):
        return load_model(model, activation=activation)
    if isinstance(model, torch.nn.Module):
        return wrap_model(model, activation=activation)
    raise ModelError(
        f"model of type {type(model).__name__} is not known: give a name, a torch module or load_model(...)"
    )


def _path_of(image: PictureInput) -> str | None:
    """Return the path as given, "-" for standard input, None for what has no path."""
    if image is getattr(sys.stdin, "buffer", sys.stdin):
        return "-"
    return os.fsdecode(image) if isinstance(image, str | bytes | os.PathLike) else None
