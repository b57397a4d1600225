"""Bootstrap intervals over images (Efron 1979, percentiles)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

RESAMPLES, CONFIDENCE = 10_000, 0.95
_BLOCK = 1_000


def bootstrap(values: Values, seed: int) -> tuple[Values, Values]:
    """Return the low and the high ends (K,) of 95% intervals of the means of values (images, K).

    10,000 resamples of the images, the same for every column; NaN is left out. NaN where fewer than two are left.
    """
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    images = len(values)
    random = np.random.default_rng(seed)
    means = np.empty((RESAMPLES, values.shape[1]))
    for start in range(0, RESAMPLES, _BLOCK):
        drawn = random.multinomial(images, np.full(images, 1 / images), _BLOCK).astype(np.float64)
        counts = drawn @ there
        counts[counts == 0] = np.nan
        means[start : start + _BLOCK] = drawn @ filled / counts
    ends = np.full((2, values.shape[1]), np.nan)
    known = there.sum(0) > 1
    if known.any():
        tail = (1 - CONFIDENCE) / 2
        ends[:, known] = np.nanquantile(means[:, known], [tail, 1 - tail], axis=0)
    return ends[0], ends[1]
