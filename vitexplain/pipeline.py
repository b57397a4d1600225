"""image -> Result; images -> iterator of Results and Failures: the only place that builds results."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitexplain.errors import ModelError, UsageError, VitexplainError
from vitexplain.forward_pass import ForwardPass
from vitexplain.images import DEFAULT_MAX_PIXELS, Picture, View, ViewKind, open_picture, prepare
from vitexplain.methods import Method, MethodScores, canonical_spec, options_of, parse_methods
from vitexplain.models import LoadedModel, load_model, wrap_model
from vitexplain.result import Explanation, Failure, ModelInfo, Prediction, Result

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Request:
    """What is asked of every image: the methods, the view, how many predictions, how large a picture may be."""

    methods: tuple[Method, ...]
    view: ViewKind | None = None
    top_k: int = 5
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise UsageError(f"top-k {self.top_k} is not valid: expected a whole number from 1")


def explain(
    model: str | nn.Module | LoadedModel,
    image: Any,
    methods: Sequence[str | Method] = ("rollout",),
    *,
    view: ViewKind | None = None,
    top_k: int = 5,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Result:
    """Classify one image and explain the prediction.

    `model`: a name ("builtin", "vit_base_patch16_224"), a model from `load_model`, or a torch ViT that the caller
    built. `image`: a path, an open binary file, a PIL image, or an array (H, W, 3) or (H, W) of uint8. `methods`:
    specs such as "rollout" or "flow:layers=7:12". Raises a VitexplainError that says what to do.
    """
    request = Request(parse_methods(methods), view, top_k, max_pixels)
    loaded = _loaded(model)
    started = time.perf_counter()
    picture = open_picture(image, max_pixels=request.max_pixels)
    pixels, seen = prepare(picture, loaded.preprocess, request.view)
    read = time.perf_counter() - started
    (result,) = explain_batch(loaded, [(picture, pixels, seen)], request, [read])
    return result


def explain_many(
    model: str | nn.Module | LoadedModel,
    images: Iterable[Any],
    methods: Sequence[str | Method] = ("rollout",),
    *,
    view: ViewKind | None = None,
    top_k: int = 5,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Iterator[Result | Failure]:
    """Explain images one after the other, in their order; an image that cannot be read gives a Failure, not an error.

    Arguments as in `explain`. Options and the model are checked before the first image is read.
    """
    request = Request(parse_methods(methods), view, top_k, max_pixels)
    loaded = _loaded(model)
    return explain_each(loaded, images, request)


def explain_each(model: LoadedModel, images: Iterable[Any], request: Request) -> Iterator[Result | Failure]:
    for image in images:
        started = time.perf_counter()
        try:
            picture = open_picture(image, max_pixels=request.max_pixels, name=_path_of(image))
            pixels, seen = prepare(picture, model.preprocess, request.view)
            read = time.perf_counter() - started
            yield from explain_batch(model, [(picture, pixels, seen)], request, [read])
        except VitexplainError as error:
            seconds = {"total": time.perf_counter() - started}
            yield Failure(path=_path_of(image), error=error, seconds=seconds)


def explain_batch(
    model: LoadedModel,
    images: Sequence[tuple[Picture, np.ndarray[Any, np.dtype[np.float32]], View]],
    request: Request,
    read_seconds: Sequence[float],
    *,
    pad_to: int = 0,
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
    fusions = {fusion for method in request.methods for fusion in method.fusions}
    started = time.perf_counter()
    forward_pass = ForwardPass(model, torch.from_numpy(stacked).to(model.device, model.dtype), fusions, keys)
    predictions = _predictions(model, forward_pass, request.top_k)
    modelled = time.perf_counter() - started
    scored = [(method, method(forward_pass)) for method in request.methods]
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
            explanations=tuple(_explanation(method, scores, index, forward_pass) for method, scores in scored),
            runtime=runtime,
            seconds={
                "read": read_seconds[index],
                "forward_pass": modelled / count,
                "methods": explained / count,
            },
            notices=model.notices,
        )
        for index, (picture, _, seen) in enumerate(images)
    ]


def check_view(model: LoadedModel, request: Request) -> None:
    """Raise UsageError if the model does not take pictures in the view that is asked for: no image needs to be read."""
    if request.view == "whole" and not model.preprocess.flexible:
        size = " x ".join(map(str, model.preprocess.size))
        raise UsageError(f"view whole: model {model.name} takes {size} pixels only: use --view crop or squash")


def check_request(model: LoadedModel, request: Request) -> None:
    """Raise the error that every image would meet (layers that the model does not have, say): explains a blank one."""
    check_view(model, request)
    if request.view == "whole":
        return  # its grid is the picture's: what fits one may not fit another
    height, width = model.preprocess.size
    picture = open_picture(np.zeros((height, width, 3), np.uint8))
    pixels, seen = prepare(picture, model.preprocess, request.view)
    explain_batch(model, [(picture, pixels, seen)], request, [0.0])


def _loaded(model: str | nn.Module | LoadedModel) -> LoadedModel:
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, str):
        return load_model(model)
    if isinstance(model, torch.nn.Module):
        return wrap_model(model)
    raise ModelError(
        f"model of type {type(model).__name__} is not known: give a name, a torch module or load_model(...)"
    )


def _path_of(image: Any) -> str | None:
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


def _explanation(method: Method, scores: MethodScores, index: int, forward_pass: ForwardPass) -> Explanation:
    layout = forward_pass.layout
    grid = scores.values[index].reshape(layout.rows, layout.cols)
    cut_layers = None
    if scores.cut_layers:
        flat = scores.cut_layers[index]
        cut_layers = tuple(flat[row * layout.cols : (row + 1) * layout.cols] for row in range(layout.rows))
    return Explanation(
        method=method.name,
        spec=canonical_spec(method),
        options=options_of(method),
        scores=grid,
        unit=scores.unit,
        layers=scores.layers,
        source=scores.source,
        target=None,
        statistics={**_spread(grid), **(scores.statistics[index] if scores.statistics else {})},
        notices=scores.notices[index] if scores.notices else (),
        cut_layers=cut_layers,
    )


def _spread(grid: np.ndarray[Any, np.dtype[Any]]) -> dict[str, float | None]:
    """Return the entropy in bits of non-negative scores taken as shares; null where they have none."""
    values = grid.astype(np.float64).ravel()
    total = values.sum()
    if (values < 0).any() or total <= 0:
        return {"entropy": None}
    shares = values[values > 0] / total
    return {"entropy": float(-(shares * np.log2(shares)).sum())}
