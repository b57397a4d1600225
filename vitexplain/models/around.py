"""A module around a vision transformer, described by running it once; the outermost module's output is the output."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from vitexplain.capture import observed, with_gradients
from vitexplain.errors import ModelError
from vitexplain.models.one_run import (
    Normalisation,
    OneRun,
    UndescribedError,
    alike,
    check_pixels,
    normalisation_of,
    run_once,
)
from vitexplain.models.read_tokens import readout_of
from vitexplain.models.sharing_copy import place_of
from vitexplain.models.weights import same_weights
from vitexplain.networks import Network, adapter_of, other_task, out_of_scope, read_output, recognise, refuse
from vitexplain.networks.inside import Inside, transformers_inside
from vitexplain.networks.timm_vit import class_names

if TYPE_CHECKING:
    from torch import Tensor

_LISTED = 5
"""So many paths or classes are named in a message."""


@dataclass(frozen=True)
class Around:
    """A module described by the vision transformer that it runs.

    `normalises`: how it normalises its pixels itself, None where it takes them normalised. `stops_gradients`: what
    keeps the gradients of its outputs from the patch embeddings, None where nothing does. `outputs` (1, C) are those
    for the picture of noise that it was run on.
    """

    network: Inside
    outputs: Tensor
    normalises: Normalisation | None = None
    stops_gradients: str | None = None


def describe_around(module: nn.Module) -> Around:
    """Return the module described by the one vision transformer that its forward runs on its pixels.

    ModelError: there is none, or more than one, or what the module does with its tokens has no description. The message
    names the transformers that were seen inside, so that one of them can be given itself. A model for another task than
    classifying pictures is refused as such.
    """
    if (task := _other_task(module)) is not None:
        raise out_of_scope(type(module).__name__, task)
    try:
        return _found(module)
    except (_RefusedError, ModelError) as refused:
        for path, part in module.named_modules():
            if path and (task := _other_task(part, part=True)) is not None:
                place = f"{type(module).__name__} ({type(part).__name__} at {place_of(path)})"
                raise out_of_scope(place, task) from None
        if isinstance(refused, ModelError):
            raise
        raise _refuse(module, refused.paths, str(refused)) from None


def _other_task(module: nn.Module, *, part: bool = False) -> str | None:
    return next(filter(None, (other_task(name, part=part) for name in class_names(module))), None)


class _RefusedError(Exception):
    """Why a module has no description, in words that follow "but", and where the transformers inside are."""

    def __init__(self, paths: list[str], reason: str) -> None:
        super().__init__(reason)
        self.paths = paths


def _found(module: nn.Module) -> Around:
    """Return the description; _RefusedError, or ModelError where no transformer that is described is inside."""
    found = list(transformers_inside(module))
    if not found:
        raise _nothing(module)
    refused: dict[str, str] = {}
    undescribed: list[ModelError] = []
    running: dict[int, tuple[str, Network, OneRun]] = {}
    for path, part in found:
        try:
            inner = adapter_of(part)(part)  # type: ignore[misc]
            inner.check()
        except ModelError as error:
            undescribed.append(ModelError(f"{type(module).__name__}, at {place_of(path)}: {error}"))
            continue
        if inner.graphless:
            refused[path] = f"no graph describes it ({inner.graphless}): methods without one explain it by itself only"
            continue
        try:
            run = run_once(module, path, inner)
        except UndescribedError as error:
            refused[path] = str(error)
            continue
        if run.entered:
            running.setdefault(id(part), (path, inner, run))
        else:
            refused[path] = "its forward does not run it on pixels"
    if not running and not refused:
        raise undescribed[0]
    if len(running) != 1:
        paths = [path for path, _, _ in running.values()] or [*refused]
        several = "its forward runs several of them" if running else refused[paths[0]]
        raise _RefusedError(paths, several)
    ((path, inner, run),) = running.values()
    try:
        return _described(module, path, inner, run)
    except UndescribedError as error:
        raise _RefusedError([path], str(error)) from None


def _described(module: nn.Module, path: str, inner: Network, run: OneRun) -> Around:
    """Return the description; UndescribedError: there is none."""
    check_pixels(module, path, inner, run)
    levels = inner.levels(run.pixels.size(-2), run.pixels.size(-1))
    if len(set(levels)) > 1 or inner.layout in ("BHWD", "BDHW"):
        raise UndescribedError("it has stages, and is described by itself only, not inside another module")
    grid = levels[-1]
    try:
        output = read_output(run.output, 1)
    except ModelError as error:
        what = str(error).replace("the model returned", "its forward returns")
        raise UndescribedError(what.rpartition(": give")[0]) from None
    if len(run.left) != 1 or run.left[0].shape[:2] != (1, grid.tokens):
        raise UndescribedError("its forward leaves tokens of the transformer out, or adds some")
    alone = not _has_layers_beside(module, path)
    embeds = alone and not inner.classes and _outputs_of(inner, run.left[0]) in (None, output.size(1))
    classes = 0 if embeds else output.size(1)
    around = Inside(module, path, inner, "cls", classes)
    with torch.no_grad():
        if not alike(around.classify(run.left[0]), output):
            raise UndescribedError("its output is no function of the tokens that leave the last layer")
    around = replace(around, readout=readout_of(around, run.left[0], grid, alone=alone))
    return Around(around, output.detach(), normalisation_of(run), _stop(around, run.pixels))


def _outputs_of(inner: Network, tokens: Tensor) -> int | None:
    """Return how many numbers the transformer itself makes of its last tokens; None where that is not described."""
    try:
        with torch.no_grad():
            return inner.classify(tokens).size(1)
    except (ModelError, RuntimeError):
        return None


def _has_layers_beside(module: nn.Module, path: str) -> bool:
    """Return whether there are layers with weights beside the transformer, quantised ones among them."""
    inside = f"{path}."
    return any(not name.startswith(inside) for name, _ in module.named_parameters()) or any(
        "quantized" in type(part).__module__ and not name.startswith(inside) for name, part in module.named_modules()
    )


def _stop(around: Inside, pixels: Tensor) -> str | None:
    """Return what keeps the gradients of the outputs from the patch embeddings, None where nothing does."""
    leaves: list[Tensor] = []

    def begin(embeddings: Tensor) -> Tensor:
        leaves.append(embeddings.detach().clone().requires_grad_())
        return leaves[0]

    try:
        with with_gradients():
            output = observed(around, {around.embedding: begin})(pixels)
            torch.autograd.grad(output.float().square().sum(), leaves[0])
    except (RuntimeError, NotImplementedError):
        return "its forward does not pass on (it detaches the tokens, or runs in inference mode)"
    return None


def _nothing(module: nn.Module) -> ModelError:
    """Return the error for a module in which no vision transformer was found."""
    names = same_weights(module.state_dict())
    if names:
        return ModelError(
            f"model {type(module).__name__}: not supported as a module, but its weights are those of timm's {names[0]}"
            f": save them, torch.save(model.state_dict(), 'weights.pth'), and give `model={names[0]}` with `weights=`"
        )
    for path, part in module.named_modules():
        if path and hasattr(part, "pretrained_cfg"):  # a whole network of timm's
            return ModelError(f"{type(module).__name__}, at {place_of(path)}: {refuse(part, None)}")
    own = str(refuse(module, None))
    classes = list(dict.fromkeys(type(part).__name__ for path, part in module.named_modules() if path))
    seen = f"; seen inside: {', '.join(classes[:_LISTED])}" if classes else ""
    return ModelError(own + seen)


def _refuse(module: nn.Module, paths: list[str], reason: str) -> ModelError:
    """Return the error for a module whose transformers are at `paths`; it names what can be given in its place.

    That is the largest part around each that can be explained: its output may be read by a classifier there.
    """
    larger = (next(filter(partial(_can_be_explained, module), _outermost_first(path)), "") for path in paths)
    alone = [place_of(place) for place in dict.fromkeys(larger) if place][:_LISTED]
    remedy = f"give {'one of ' if len(alone) > 1 else ''}{', '.join(alone)} in its place"
    if not alone:
        seen = ", ".join(place_of(path) for path in paths[:_LISTED])
        remedy = f"give a module whose output is read off a token or a mean of tokens of {seen}"
    return ModelError(f"model {type(module).__name__}: a vision transformer is inside, but {reason}: {remedy}")


def _outermost_first(path: str) -> list[str]:
    """Return the path's beginnings, "net", "net.backbone"."""
    parts = path.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _can_be_explained(module: nn.Module, path: str) -> bool:
    part = module.get_submodule(path)
    try:
        _ = recognise(part) if adapter_of(part) is not None else _found(part)
    except (ModelError, _RefusedError):
        return False
    return True
