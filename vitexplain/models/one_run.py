"""One run of a module around a vision transformer, on noise: which pixels reach the transformer, what comes out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vitexplain.networks import Network
from vitexplain.networks.twin import twin_of


class UndescribedError(Exception):
    """Why what a module does around its transformer has no description: words that follow "but"."""


@dataclass(frozen=True)
class Normalisation:
    """How a module normalises its pixels itself: by mean and std of channels from 0 to 1.

    `largest`: 255 where the pixels that it takes are from 0 to 255, else 1.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    largest: float


@dataclass(eq=False)
class OneRun:
    """The pixels given (1, 3, H, W), those that entered the transformer, its last tokens (1, N, D), and the output."""

    pixels: Tensor
    entered: list[Tensor] = field(default_factory=list)
    left: list[Tensor] = field(default_factory=list)
    output: Any = None


def run_once(module: nn.Module, path: str, inner: Network) -> OneRun:
    """Run the module on noise of the size that the transformer at `path` was built for.

    UndescribedError: its forward fails.
    """
    first = next((each for each in module.parameters() if each.is_floating_point()), torch.empty(0))
    height, width = inner.pixels.built_for or tuple(max(224 // side, 1) * side for side in inner.pixels.patch)
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    run = OneRun(noise.to(first.device, first.dtype))

    def enter(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        run.entered.append((*args, *kwargs.values())[0])
        return forward(*args, **kwargs)

    def leave(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        run.left.append(forward(*args, **kwargs))
        return run.left[-1]

    watched = twin_of(module, {f"{path}.{inner.embedding}": enter, f"{path}.{inner.blocks[-1]}": leave})
    try:
        with torch.no_grad():
            run.output = watched(run.pixels)
    except Exception as error:  # the user's own code
        _check_size(run)
        where = "after the transformer" if run.left else f"on pixels of (1, 3, {height}, {width})"
        raise UndescribedError(f"its forward fails {where} ({in_words(error)})") from error
    return run


def check_pixels(module: nn.Module, path: str, inner: Network, run: OneRun) -> None:
    """Raise UndescribedError unless the pixels reach the transformer once, each where it was in the picture.

    What the module does to their values, normalising them say, is its own affair.
    """
    if len(run.entered) > 1:
        raise UndescribedError(f"its forward runs the transformer {len(run.entered)} times")
    _check_size(run)
    change = _change_by_first_patch(module, path, inner, run)
    patch_height, patch_width = inner.pixels.patch
    there = change[:, :, :patch_height, :patch_width].max()
    change[:, :, :patch_height, :patch_width] = 0
    if not there > 20 * change.max():
        raise UndescribedError("its forward moves the pixels before the transformer sees them")


def _check_size(run: OneRun) -> None:
    """Raise UndescribedError if the transformer got pixels of another size than the module."""
    if run.entered and run.entered[0].shape != run.pixels.shape:
        given, got = (" x ".join(map(str, pixels.shape)) for pixels in (run.pixels, run.entered[0]))
        raise UndescribedError(f"its forward makes {got} of its own pixels, {given}")


class _SeenEnoughError(Exception):
    """Ends a run of the module once the pixels have reached the transformer."""


def _change_by_first_patch(module: nn.Module, path: str, inner: Network, run: OneRun) -> Tensor:
    """Return how much the transformer's pixels change with those of the first patch."""
    height, width = inner.pixels.patch
    changed, entered = run.pixels.clone(), []
    changed[:, :, :height, :width] = 1 - changed[:, :, :height, :width]

    def enter(_forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        entered.append((*args, *kwargs.values())[0])
        raise _SeenEnoughError

    with contextlib.suppress(_SeenEnoughError), torch.no_grad():
        twin_of(module, {f"{path}.{inner.embedding}": enter})(changed)
    change: Tensor = (entered[0] - run.entered[0]).abs()
    return change


def normalisation_of(run: OneRun) -> Normalisation | None:
    """Return how the module normalises pixels, if it does what is usually done to pictures; None: something else."""
    given, got = (pixels[0].double().flatten(1) for pixels in (run.pixels, run.entered[0]))
    centred = given - given.mean(1, keepdim=True)
    factor = (centred * got).sum(1) / centred.square().sum(1)
    offset = got.mean(1) - factor * given.mean(1)
    if (factor <= 0).any() or not alike(got, factor[:, None] * given + offset[:, None], coarse=_is_coarse(run.pixels)):
        return None
    mean, std = -offset / factor, 1 / factor
    largest = 255.0 if (std > 2).all() else 1.0
    mean, std = mean / largest, std / largest
    if (mean < 0.1).any() or (mean > 0.9).any() or (std < 0.05).any() or (std > 0.7).any():
        return None
    return Normalisation(_three(mean), _three(std), largest)


def _three(values: Tensor) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), 4) for value in values)
    return red, green, blue


def alike(first: Tensor, second: Tensor, *, coarse: bool | None = None) -> bool:
    """Return whether two tensors are the same, but for the rounding of their precision (`coarse`: half)."""
    coarse = _is_coarse(first) if coarse is None else coarse
    off, size = (first.double() - second.double()).abs().max(), second.double().abs().max()
    return bool(off <= (2e-2 if coarse else 1e-4) * size)


def _is_coarse(tensor: Tensor) -> bool:
    return tensor.dtype not in (torch.float32, torch.float64)


def in_words(error: Exception) -> str:
    """Return an error of somebody else's code in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}" if text else type(error).__name__
