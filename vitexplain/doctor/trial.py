"""A model tried on a picture of noise: whether capture changes nothing, and which methods give a result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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

_TOLERANCE = {"float32": 1e-4, "float64": 1e-8}
_HALF_TOLERANCE = 5e-2


@dataclass(frozen=True)
class Trial:
    """Whether a method gave a result, in how many seconds, and why not."""

    method: str
    works: bool
    seconds: float
    reason: str | None = None


def self_check(model: LoadedModel) -> dict[str, Any]:
    """Return how far the outputs under capture are from the plain ones, relative to the largest, and rows from 1.

    `passed`: both are within the rounding of the model's precision. ModelError: the model cannot be run.
    """
    pixels, _ = prepare(open_picture(_noise(model)), model.preprocess)
    batch = torch.from_numpy(pixels[None]).to(model.device, model.dtype)
    mean = Fusion("mean")
    with plain_context():
        forward_pass = ForwardPass(model, batch, [mean])
        captured = forward_pass.output
        rows = [forward_pass.fused(mean, layer).sum(-1) for layer in range(1, forward_pass.layers + 1)]
        with torch.inference_mode():
            plain = model.network(batch).float()
    off = float((captured - plain).abs().max() / plain.abs().max().clamp(min=1e-12))
    rows_off = float(torch.stack([(row - 1).abs().max() for row in rows]).max())
    tolerance = _TOLERANCE.get(str(model.dtype).removeprefix("torch."), _HALF_TOLERANCE)
    return {"outputs_off": off, "rows_off": rows_off, "passed": off <= tolerance and rows_off <= max(tolerance, 1e-4)}


def try_methods(model: LoadedModel, tried: Callable[[str], object] = lambda _method: None) -> Iterator[Trial]:
    """Try every method once, with few steps where it takes many; `tried` hears the name of each before it runs."""
    picture = _noise(model)
    grid = model.network.levels(*model.preprocess.size)[0]
    few = {"integrated-gradients": ":steps=1", "blank-out": f":window={min(grid.rows, grid.cols)}"}
    for name in METHODS:
        tried(name)
        started = time.perf_counter()
        reason = None
        try:
            explain(model, picture, [name + few.get(name, "")])
        except VitexplainError as error:
            reason = str(error)
        yield Trial(name, reason is None, time.perf_counter() - started, reason)


def require_passed(check: dict[str, Any]) -> None:
    """Raise ModelError for a self-check that failed."""
    if not check["passed"]:
        raise ModelError(
            f"the self-check failed: outputs under capture are off by {check['outputs_off']:.1g}, rows of attention by "
            f"{check['rows_off']:.1g}: what is shown of this model cannot be trusted; please report it"
        )


def _noise(model: LoadedModel) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture of coloured noise, the same every time, at the model's size."""
    height, width = model.preprocess.size
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return coarse.repeat(-(-height // 8), 0).repeat(-(-width // 8), 1)[:height, :width]
