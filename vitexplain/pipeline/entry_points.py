"""The entry points of the library: image -> Result, images -> Results and Failures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, SupportsIndex, TypedDict

import numpy as np
import torch
from PIL import Image

from vitexplain.capture import plain_context
from vitexplain.errors import LimitError, ModelError, UsageError, VitexplainError
from vitexplain.images import DEFAULT_MAX_PIXELS, PictureInput, ViewKind, encoded, open_picture, prepare
from vitexplain.images.files import shown
from vitexplain.methods import Method, parse_methods
from vitexplain.models import LoadedModel, load_model
from vitexplain.models.given_settings import Channels, ImageSize
from vitexplain.models.label_files import LabelSource, resolve_labels
from vitexplain.models.loaded import MODULE
from vitexplain.models.meaning import AUTO
from vitexplain.models.one_run import in_words
from vitexplain.models.prompts import Templates, check_beside_prompts
from vitexplain.pipeline.batch import explain_batch
from vitexplain.pipeline.default import default_methods
from vitexplain.pipeline.picture_check import PictureCheck
from vitexplain.pipeline.request import Request
from vitexplain.pipeline.targets import ClassChoice
from vitexplain.result import Failure, Result

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Unpack


class Loading(TypedDict, total=False):
    """How a model that is not loaded yet is loaded, as in `load_model`."""

    prompts: str | Sequence[str] | None
    templates: Templates | None
    image_size: ImageSize | None
    mean: Channels | None
    std: Channels | None
    pool: str | None
    device: str | torch.device
    dtype: str | torch.dtype | None
    name: str | None


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
    check: bool | PictureCheck = False,
    activation: str = AUTO,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None = None,
    **loading: Unpack[Loading],
) -> Result:
    """Classify one image and explain the prediction.

    `model`: a name ("builtin", "vit_base_patch16_224"), a model from `load_model`, or a torch module that is or runs a
    ViT; `labels` names its classes. It is explained in its own precision, whatever context (inference mode, autocast)
    the caller is in. `image`: a path, an open binary file, the bytes of one, a PIL image, or an array (H, W, 3) or
    (H, W) of uint8, or of floats from 0 to 1.
    `methods`: specs such as "rollout" or "flow:layers=7:12"; by default AttnLRP over all layers, half smoothed;
    rollout with gradient fusion where it has no rule for the model, plain rollout without a classifier or
    gradients. `target`: what class-specific methods explain, "top1", "top5", "above0.5", an index, a label,
    "koala,pig" or a list of them, "all", or "not:koala" for what lowers it; `against`: a class whose logit is
    subtracted. `reference_image`: a picture, likeness to which they explain for a model that returns an embedding.
    `check`: whether every explanation is checked by removing patches of this picture, in `Explanation.check`
    (`PictureCheck` has the settings). `activation`: what makes probabilities of the outputs (auto, softmax, sigmoid
    or none), for a model that is not loaded yet, as are `prompts` (classes in words), `templates`, `image_size`,
    `mean`, `std`, `pool`, `device`, `dtype` and `name`, which mean what they do in `load_model`. A `Request` in place
    of `methods` holds the other options, and more. Raises a VitexplainError.
    """
    loaded, request = _asked(
        model,
        {"labels": labels, "activation": activation, **loading},
        methods,
        view=view,
        top_k=top_k,
        max_pixels=max_pixels,
        target=target,
        against=against,
        reference_image=reference_image,
        check=_check(check),
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
    check: bool | PictureCheck = False,
    activation: str = AUTO,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None = None,
    **loading: Unpack[Loading],
) -> Iterator[Result | Failure]:
    """Explain images one after the other, in their order; an image that cannot be explained gives a Failure.

    Arguments as in `explain`. Options and the model are checked before the first image is read. One image that is not
    in a list (a path, a PIL image, an array of three dimensions, an open file) is explained as one.
    """
    loaded, request = _asked(
        model,
        {"labels": labels, "activation": activation, **loading},
        methods,
        view=view,
        top_k=top_k,
        max_pixels=max_pixels,
        target=target,
        against=against,
        reference_image=reference_image,
        check=_check(check),
    )
    return (_explained_or_failure(loaded, image, request) for image in _several(images))


def _asked(
    model: str | nn.Module | LoadedModel,
    loading: Mapping[str, Any],
    methods: Sequence[str | Method] | Request | None,
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
    loaded = _any_model(model, **loading)
    with plain_context():
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
    least = request.least(model.preprocess)
    picture = open_picture(image, max_pixels=request.max_pixels, name=_path_of(image), least=least)
    pixels, seen = prepare(picture, model.preprocess, request.view)
    read = time.perf_counter() - started
    try:
        with plain_context():
            return explain_batch(model, [(picture, pixels, seen)], request, [read])[0]
    except torch.OutOfMemoryError:
        raise LimitError(
            f"{shown(picture.path or 'the image')}: too large for the memory of {model.device}: give "
            "`methods=rollout`, which needs no gradients, a smaller view, or `device=cpu`"
        ) from None
    except (VitexplainError, KeyboardInterrupt):
        raise
    except Exception as error:
        if model.origin != MODULE:
            raise
        # The caller's own code runs here, which may fail in any way.
        raise ModelError(f"model '{model.name}' cannot be explained, its code ended with {in_words(error)}") from error


def _any_model(
    model: str | nn.Module | LoadedModel,
    *,
    labels: LabelSource | Sequence[str] | Mapping[int, str] | None,
    activation: str,
    **loading: Unpack[Loading],
) -> LoadedModel:
    if not isinstance(model, LoadedModel):
        return load_model(model, labels=labels, activation=activation, **loading)
    given = [*loading] if activation == AUTO else ["activation"]
    if given:
        raise UsageError(f"`{given[0]}=` is given beside a loaded model, which has its own: give it to load_model")
    if labels is None:
        return model
    if model.prompts is not None:
        check_beside_prompts({"labels": labels})
    return replace(model, labels=resolve_labels(labels, model.num_classes))


def _check(given: bool | PictureCheck) -> PictureCheck | None:
    if isinstance(given, PictureCheck):
        return given
    if not isinstance(given, bool):
        raise UsageError(f"check {given!r} is not valid: expected True, False or a PictureCheck")
    return PictureCheck() if given else None


def _several(images: Any) -> Iterable[PictureInput]:
    """Return the images, one alone in a tuple; UsageError: no images."""
    is_picture = isinstance(images, np.ndarray) and images.ndim in (2, 3)
    if (
        is_picture
        or isinstance(images, str | bytes | bytearray | memoryview | os.PathLike | Image.Image)
        or hasattr(images, "read")
    ):
        return (images,)
    if not isinstance(images, Iterable):
        raise UsageError(f"images of type {type(images).__name__}: expected paths, pictures or arrays in a list")
    return images


def _path_of(image: PictureInput) -> str | None:
    """Return the path as given, "-" for standard input, None for what has no path."""
    if image is getattr(sys.stdin, "buffer", sys.stdin):
        return "-"
    return os.fsdecode(image) if isinstance(image, str | bytes | os.PathLike) and encoded(image) is None else None
