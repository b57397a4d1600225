"""The number of images a batch that is the fastest on this device, found by trying."""

from __future__ import annotations

import time

import numpy as np
import torch
from PIL import Image

from vitexplain.errors import VitexplainError
from vitexplain.images import open_picture, prepare
from vitexplain.models import LoadedModel
from vitexplain.pipeline import Request, explain_batch

LARGEST = 256

_GAIN = 1.05
"""A larger batch must be faster by that: it takes more memory, and pads more of the last one."""

_LONGEST = 4.0
"""Seconds after which no larger batch is tried."""


def fastest_batch_size(model: LoadedModel, request: Request) -> int:
    """Return the power of two of the most images a second, tried with noise of 640 x 480 pixels.

    Each size runs twice, the second time counts. Trying ends with the memory, after two sizes without a gain, or after
    seconds. `request` is one that `for_model` returned.
    """
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    picture = open_picture(Image.fromarray(noise), name="noise")
    pixels, view = prepare(picture, model.preprocess, request.view)
    best, best_rate, without_gain, size = 1, 0.0, 0, 1
    began = time.perf_counter()
    while size <= LARGEST and without_gain < 2 and time.perf_counter() - began < _LONGEST:
        taken = 0.0
        try:
            for _ in range(2):
                start = time.perf_counter()
                explain_batch(model, [(picture, pixels, view)] * size, request, [0.0] * size)
                taken = time.perf_counter() - start
        except torch.OutOfMemoryError:
            break
        except VitexplainError:  # the run itself says what is wrong
            return 1
        rate = size / max(taken, 1e-9)
        if rate > _GAIN * best_rate:
            best, best_rate, without_gain = size, rate, 0
        else:
            without_gain += 1
        size *= 2
    return best
