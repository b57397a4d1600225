"""explain_batch: pictures of one pixel size -> Results, from one forward pass; the one place that builds them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.images import Picture, View
from vitexplain.methods import gradients_asked
from vitexplain.models import LoadedModel
from vitexplain.output import draw_explanation
from vitexplain.pipeline.explanations import explanations
from vitexplain.pipeline.memory import require_memory
from vitexplain.pipeline.reference import Reference
from vitexplain.pipeline.request import Request
from vitexplain.pipeline.targets import Targets
from vitexplain.result import Explanation, ModelInfo, Prediction, Result, Transform


def explain_batch(
    model: LoadedModel,
    images: Sequence[tuple[Picture, np.ndarray[Any, np.dtype[np.float32]], View]],
    request: Request,
    read_seconds: Sequence[float],
    *,
    pad_to: int = 0,
) -> list[Result]:
    """Explain images of one pixel size in one forward pass, padded to `pad_to` images where that is larger.

    `request` is one that `for_model` returned. Padding makes the arithmetic of a short batch that of a full one, so
    that scores do not depend on the batch.
    """
    count = len(images)
    stacked = np.stack([pixels for _, pixels, _ in images])
    if pad_to > count:
        stacked = np.concatenate([stacked, np.repeat(stacked[-1:], pad_to - count, axis=0)])
    keys = tuple(picture.sha256 for picture, _, _ in images)
    keys += keys[-1:] * (len(stacked) - count)
    require_memory(model, request.methods, stacked.shape)
    fusions = {fusion for method in request.methods for fusion in method.fusions} | request.variants.fusions
    targets = request.targets(model)
    gradients = gradients_asked(request.methods)
    started = time.perf_counter()
    inputs = torch.from_numpy(stacked).to(model.device, model.dtype)
    forward_pass = ForwardPass(model, inputs, fusions, keys, gradients=gradients)
    predictions = _predictions(model, forward_pass, request.top_k)
    modelled = time.perf_counter() - started
    explained_images = explanations(forward_pass, request.methods, targets, count, request.variants, request.check)
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
            notices=(*model.notices, *_notices(model, targets, predictions[index], explained_images[index])),
            drawn_by=draw_explanation,
        )
        for index, (picture, _, seen) in enumerate(images)
    ]


def _predictions(model: LoadedModel, forward_pass: ForwardPass, top_k: int) -> list[tuple[Prediction, ...]]:
    """Return the `top_k` most probable classes of every image; none for a model without classifier."""
    logits = forward_pass.logits
    if logits is None:
        _ = forward_pass.output
        return [()] * forward_pass.pixels.size(0)
    shares = model.probabilities(logits)
    # Saturated sigmoids tie, their logits do not.
    order = (shares if model.activation == "softmax" else logits).topk(min(top_k, logits.size(-1))).indices
    found = zip(order.tolist(), shares.gather(1, order).tolist(), logits.gather(1, order).tolist(), strict=True)
    labels = model.labels
    return [
        tuple(
            Prediction(
                index=index,
                label=labels.name(index) if labels else None,
                id=labels.id(index) if labels else None,
                probability=share,
                logit=logit,
                activation=model.activation,
            )
            for index, share, logit in zip(*image, strict=True)
        )
        for image in found
    ]


def _notices(
    model: LoadedModel,
    targets: Targets | Reference | None,
    predictions: Sequence[Prediction],
    explained: Sequence[Explanation],
) -> tuple[str, ...]:
    """Say why there are no predictions, unless a reference was asked about, and where no class is above a number."""
    if not model.num_classes:
        return () if isinstance(targets, Reference) or not model.no_predictions else (model.no_predictions,)
    if not isinstance(targets, Targets) or targets.above is None or any(each.target for each in explained):
        return ()
    several = "; for classes that can go together, give `activation=sigmoid`" if model.activation == "softmax" else ""
    highest = predictions[0].shown
    return (f"no class is above {targets.above:g}, the highest has {highest}: no class explained{several}",)


def _model_info(model: LoadedModel, forward_pass: ForwardPass) -> ModelInfo:
    grid = forward_pass.grid
    return ModelInfo(
        name=model.name,
        origin=model.origin,
        layers=forward_pass.layers,
        heads=forward_pass.heads,
        tokens=grid.tokens,
        prefix=grid.prefix,
        grid=(grid.rows, grid.cols),
        transform=Transform.of(model.preprocess),
        activation=model.activation,
        prompts=() if model.prompts is None else model.prompts.texts,
        templates=() if model.prompts is None else model.prompts.templates,
    )
