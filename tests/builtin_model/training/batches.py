"""The batches of a training run: batch k is a function of the recipe and of k alone, so that a run can resume."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from tests.builtin_model.photo_zip import PhotoZip, normalise, to_unit_pixels
from tests.builtin_model.training.augment import jitter_colours, random_crop
from tests.builtin_model.training.recipe import Recipe

# Keep the streams of random numbers of one seed apart.
_ORDER, _VIEWS = 0, 1


@dataclass(frozen=True)
class Batch:
    """Pixels (B, 3, S, S) as the network wants them, targets (B,), and the number of patches to keep of each image."""

    pixels: torch.Tensor
    targets: torch.Tensor
    kept: int


def photo_indices(step: int, count: int, recipe: Recipe) -> list[int]:
    """Return the indices of the photographs of batch `step`: every photograph once an epoch, in a new order each."""
    indices: list[int] = []
    position = step * recipe.batch
    while len(indices) < recipe.batch:
        epoch, offset = divmod(position + len(indices), count)
        order = np.random.default_rng((recipe.seed, _ORDER, epoch)).permutation(count)
        indices += [int(index) for index in order[offset : offset + recipe.batch - len(indices)]]
    return indices


def make_batch(archive: PhotoZip, step: int, patch: int, recipe: Recipe) -> Batch:
    """Return batch `step` of `archive` for a network with patches of `patch` x `patch` pixels."""
    random = np.random.default_rng((recipe.seed, _VIEWS, step))
    side = int(random.choice(recipe.sides))
    kept = min(int(random.integers(recipe.kept[0], recipe.kept[1], endpoint=True)), side * side)
    photos = [archive.photos[index] for index in photo_indices(step, len(archive), recipe)]
    views = [random_crop(archive.read(photo), side * patch, recipe, random) for photo in photos]
    pixels = jitter_colours(torch.stack([to_unit_pixels(view) for view in views]), recipe, random)
    return Batch(normalise(pixels), torch.tensor([photo.target for photo in photos]), kept)


def batches_from(
    archive: PhotoZip, step: int, patch: int, recipe: Recipe, ahead: int = 2
) -> Generator[Batch, None, None]:
    """Yield batches `step`, `step` + 1, ... without end, `ahead` of them being made while the network learns."""
    with ThreadPoolExecutor(max_workers=ahead, thread_name_prefix="batch") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            while True:
                while len(waiting) < ahead + 1:
                    waiting.append(pool.submit(make_batch, archive, step, patch, recipe))
                    step += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
