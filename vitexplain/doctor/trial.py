"""A model tried on a picture of noise: whether capture changes nothing, and which methods give a result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch

from vitexplain.attention import Fusion
from vitexplain.capture import plain_context
from vitexplain.errors import ModelError, VitexplainError
from vitexplain.forward_pass import ForwardPass
from vitexplain.images import open_picture, prepare
from vitexplain.methods import METHODS
from vitexplain.models import LoadedModel
from vitexplain.pipeline import explain
from vitexplain.pipeline.large_tokens import TIMES, norms_by_layer, outliers, times_median

_TOLERANCE = {"float32": 1e-4, "float64": 1e-8}
_HALF_TOLERANCE = 5e-2


@dataclass(frozen=True)
class Trial:
    """Whether a method gave a result, in how many seconds, and why not.

    `on_large_tokens`: the share of its absolute scores that fell on the patches whose tokens `large_tokens` names; None
    where there are no such patches or no scores.
    """

    method: str
    works: bool
    seconds: float
    reason: str | None = None
    on_large_tokens: float | None = None


def self_check(model: LoadedModel) -> dict[str, Any]:
    """Return how far the outputs under capture are from the plain ones, relative to the largest, and rows from 1.

    `passed`: both are within the rounding of the model's precision. ModelError: the model cannot be run.
    """
    batch = _batch(model)
    mean = Fusion("mean")
    with plain_context():
        forward_pass = ForwardPass(model, batch, [mean])
        captured = forward_pass.output
        attending = [layer for layer, place in enumerate(forward_pass.between.places, 1) if place.call]
        rows = [forward_pass.fused(mean, layer).sum(-1) for layer in attending]
        with torch.inference_mode():
            plain = model.network(batch).float()
    off = float((captured - plain).abs().max() / plain.abs().max().clamp(min=1e-12))
    rows_off = float(torch.stack([(row - 1).abs().max() for row in rows]).max())
    tolerance = _TOLERANCE.get(str(model.dtype).removeprefix("torch."), _HALF_TOLERANCE)
    return {"outputs_off": off, "rows_off": rows_off, "passed": off <= tolerance and rows_off <= max(tolerance, 1e-4)}


class LargeTokens(TypedDict):
    """Outliers among the tokens at a layer's output, as (row, col) of their patches, and the largest norm of all."""

    patches: list[list[int]]
    largest_times_median: float


def large_tokens(model: LoadedModel) -> dict[str, LargeTokens]:
    """Return by layer, "layer 9", which patches' tokens have norms more than 3 deviations above the mean.

    On the same picture as everything here. Layers with other tokens than the patches, or whose tokens cannot be seen,
    are left out.
    """
    with plain_context():
        forward_pass = ForwardPass(model, _batch(model))
        found, grid = norms_by_layer(forward_pass), forward_pass.grid
    report: dict[str, LargeTokens] = {}
    for layer, norms in sorted(found.items()):
        if norms.size(1) == grid.tokens:
            flags = outliers(norms, grid.prefix)[0].view(grid.rows, grid.cols)
            largest = float(times_median(norms, grid.prefix).max())
            report[f"layer {layer}"] = {"patches": flags.nonzero().tolist(), "largest_times_median": largest}
    return report


def are_large(found: LargeTokens) -> bool:
    """Return whether tokens of a layer are large enough to store information in."""
    return bool(found["patches"]) and found["largest_times_median"] >= TIMES


def large_in_words(large: Mapping[str, LargeTokens]) -> str | None:
    """Return in a line where tokens are large, or how large the largest is; None where no layer could be seen."""
    if not large:
        return None
    layer, found = max(large.items(), key=lambda each: each[1]["largest_times_median"])
    times = f"{found['largest_times_median']:.1f} times the median"
    if not are_large(found):
        return f"none: the largest norm is {times} ({TIMES:g} are large)"
    where = [f"{row},{col}" for row, col in found["patches"]]
    layers = [name.removeprefix("layer ") for name, each in large.items() if are_large(each)]
    patches = f"{', '.join(where[:3])}{', ...' * (len(where) > 3)}"
    return f"at layer{'s' * (len(layers) > 1)} {', '.join(layers)}; at {layer} patch {patches}, up to {times}"


def try_methods(
    model: LoadedModel,
    tried: Callable[[str], object] = lambda _method: None,
    large: Mapping[str, LargeTokens] | None = None,
) -> Iterator[Trial]:
    """Try every method once, with few steps where it takes many; `tried` hears the name of each before it runs.

    `large` is what `large_tokens` found.
    """
    picture = _noise(model)
    grid = model.network.levels(*model.preprocess.size)[0]
    few = {"integrated-gradients": ":steps=1", "blank-out": f":window={min(grid.rows, grid.cols)}"}
    for name in METHODS:
        tried(name)
        started = time.perf_counter()
        reason = on_large = None
        try:
            (explanation, *_) = explain(model, picture, [name + few.get(name, "")]).explanations
            on_large = _share(explanation.scores, large or {})
        except VitexplainError as error:
            reason = str(error)
        yield Trial(name, reason is None, time.perf_counter() - started, reason, on_large)


def _share(scores: np.ndarray[Any, np.dtype[Any]], large: Mapping[str, LargeTokens]) -> float | None:
    """Return the share of the absolute scores (rows, cols) on the patches that are outliers of some layer."""
    places = {(row, col) for layer in large.values() for row, col in layer["patches"]}
    total = float(np.abs(scores.astype(np.float64)).sum())
    if not places or total == 0:
        return None
    return sum(abs(float(scores[row, col])) for row, col in places) / total


def require_passed(check: dict[str, Any]) -> None:
    """Raise ModelError for a self-check that failed."""
    if not check["passed"]:
        raise ModelError(
            f"the self-check failed: outputs under capture are off by {check['outputs_off']:.1g}, rows of attention by "
            f"{check['rows_off']:.1g}: what is shown of this model cannot be trusted; please report it"
        )


def _batch(model: LoadedModel) -> torch.Tensor:
    """Return the picture of noise as the model takes it, (1, 3, H, W)."""
    pixels, _ = prepare(open_picture(_noise(model)), model.preprocess)
    return torch.from_numpy(pixels[None]).to(model.device, model.dtype)


def _noise(model: LoadedModel) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture of coloured noise, the same every time, at the model's size."""
    height, width = model.preprocess.size
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return coarse.repeat(-(-height // 8), 0).repeat(-(-width // 8), 1)[:height, :width]
