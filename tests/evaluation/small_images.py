"""Small pictures of noise, for a tiny network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.models.small import tiny
from vitexplain.evaluation import GivenImage, Question
from vitexplain.evaluation.objects import Boxes
from vitexplain.evaluation.objects.given_box import GivenBox
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, wrap_model


def pictures(folder: Path, count: int) -> list[GivenImage]:
    """Write pictures of 32 x 32 pixels and return them as they are given."""
    random = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(count):
        path = folder / f"{number}.png"
        blocks = random.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        Image.fromarray(blocks).save(path)
        found.append(GivenImage(str(path)))
    return found


def boxes_of_pictures() -> Boxes:
    """Return the same box, a quarter of the picture beside its centre, for up to five pictures."""
    box = GivenBox("line 1", "", 0, 0, 16, 16)
    return Boxes("boxes.tsv", {f"{number}.png": [box] for number in range(5)}, {})


def tiny_loaded() -> LoadedModel:
    """Return a model of 2 layers, 4 x 4 patches and 5 classes whose scores are far from equal."""
    network = tiny()
    for name, parameter in network.named_parameters():
        if name.endswith(("qkv.weight", "head.weight")):
            parameter.data *= 8
    return wrap_model(network)


def question(*methods: str, references: tuple[str, ...] = ("input-gradient",), **more: object) -> Question:
    """Return a question about methods given as specs."""
    return Question(parse_methods(methods), parse_methods(references) if references else (), **more)  # type: ignore[arg-type]
