"""What a training batch holds: every photograph once an epoch, the same whenever it is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.builtin_model.photo_zip import PhotoZip, class_of_wordnet_id
from tests.builtin_model.training.augment import jitter_colours, random_crop
from tests.builtin_model.training.batches import batches_from, make_batch, photo_indices
from tests.builtin_model.training.recipe import Recipe
from tests.builtin_model.training.start import keep_patches, make_start
from tests.builtin_model.zip_of_colours import CLASSES, write_zip
from vitexplain.models.builtin.labels import read_labels


def test_an_epoch_shows_every_photograph_once() -> None:
    recipe = Recipe(batch=5)
    shown = [index for step in range(6) for index in photo_indices(step, 10, recipe)]
    epochs = [shown[first : first + 10] for first in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert sorted(photo_indices(0, 3, Recipe(batch=9))) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_batch_depends_on_its_step_alone(tmp_path: Path) -> None:
    archive = PhotoZip(write_zip(tmp_path / "data.zip"), class_of_wordnet_id(read_labels()))
    recipe = Recipe(batch=6, sides=(3, 4), kept=(5, 9))
    stream = batches_from(archive, 2, 16, recipe)
    following = [next(stream) for _ in range(3)]
    stream.close()
    for step, batch in enumerate(following, start=2):
        again = make_batch(archive, step, 16, recipe)
        assert torch.equal(batch.pixels, again.pixels)
        assert torch.equal(batch.targets, again.targets)
        assert batch.kept == again.kept
        assert batch.pixels.shape[1:] in ((3, 48, 48), (3, 64, 64))
        assert set(batch.targets.tolist()) <= set(CLASSES)
    assert not torch.equal(following[0].targets, following[1].targets)


def test_a_crop_has_the_side_and_stays_in_the_image() -> None:
    random = np.random.default_rng(0)
    image = Image.new("RGB", (90, 40), (200, 100, 50))
    for _ in range(50):
        view = random_crop(image, 28, Recipe(), random)
        assert view.size == (28, 28)
        assert view.getextrema() == ((200, 200), (100, 100), (50, 50))


def test_colours_change_image_by_image_and_some_lose_them() -> None:
    pixels = torch.tensor([0.5, 0.3, 0.2]).view(1, 3, 1, 1).expand(200, 3, 2, 2)
    changed = jitter_colours(pixels, Recipe(grey=0.25), np.random.default_rng(1))
    assert float(changed.min()) >= 0.0 and float(changed.max()) <= 1.0
    assert len({tuple(colour) for colour in changed[:, :, 0, 0].tolist()}) == 200
    grey = ((changed[:, 0] - changed[:, 2]).abs().amax(dim=(1, 2)) < 1e-6).sum()
    assert 30 <= int(grey) <= 70


def test_the_network_keeps_the_number_of_patches_asked_for() -> None:
    start = make_start("test_vit", Recipe(), pretrained=False)
    start.network.train()
    seen: list[int] = []
    block = start.network.get_submodule("blocks.0")
    handle = block.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].shape[1]))
    for kept, side in ((49, 7), (50, 9), (64, 16), (57, 11)):
        keep_patches(start.network, kept, side * side)
        start.network(torch.zeros(1, 3, side * start.patch, side * start.patch))
    handle.remove()
    assert seen == [50, 51, 65, 58]
