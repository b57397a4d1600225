"""What forward may return, and what is said of anything else."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from tests.models.small import build, tiny
from vitexplain.errors import ModelError
from vitexplain.networks import read_output, recognise

ROWS = torch.arange(14.0).view(2, 7)


@dataclass
class Answer:
    logits: torch.Tensor | None
    loss: None = None


Pair = namedtuple("Pair", ["features", "logits"])


@pytest.mark.parametrize(
    "raw",
    [
        ROWS,
        (ROWS, None),
        [ROWS],
        ((ROWS, "attention"), 3),
        {"loss": None, "logits": ROWS},
        OrderedDict(logits=(ROWS, None)),
        Answer(ROWS),
        Pair(torch.zeros(2, 3), ROWS),
        ROWS[:, :, None, None],
    ],
)
def test_a_row_a_picture_is_found(raw: object) -> None:
    assert torch.equal(read_output(raw, 2), ROWS)


def test_what_was_squeezed_is_put_back() -> None:
    assert torch.equal(read_output(ROWS[:, 0], 2), ROWS[:, :1])
    assert torch.equal(read_output(ROWS[0], 1), ROWS[:1])
    assert torch.equal(read_output(ROWS[0, 3], 1), ROWS[:1, 3:4])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "nothing"),
        ((None, ROWS), r"a tuple of 2, the first nothing"),
        ({"scores": ROWS, "loss": 1}, r"a dict with 'scores', 'loss'"),
        (Answer(None), "a Answer with logits, loss"),
        (torch.zeros(2, 197, 8), r"a tensor \(2, 197, 8\)"),
        (ROWS.long(), r"a tensor \(2, 7\) of int64"),
        (torch.zeros(3, 7), r"a tensor \(3, 7\)"),
        (torch.zeros(3), r"a tensor \(3\)"),
        (torch.zeros(2, 0), r"a tensor \(2, 0\)"),
        ("koala", "a str"),
        ([], "a list of 0"),
    ],
)
def test_anything_else_is_named_with_what_is_expected(raw: object, words: str) -> None:
    with pytest.raises(ModelError, match=rf"the model returned {words} for 2 pictures, expected one row .*`logits`"):
        read_output(raw, 2)


HEADS: list[tuple[Any, int]] = [
    (torch.nn.Linear(64, 9), 9),
    (torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Linear(64, 3)), 3),
    (torch.nn.Sequential(torch.nn.Linear(64, 8), torch.nn.GELU(), torch.nn.Linear(8, 2)), 2),
    (torch.nn.Sequential(torch.nn.Unflatten(1, (64, 1, 1)), torch.nn.Conv2d(64, 6, 1)), 6),
]


@pytest.mark.parametrize(("head", "outputs"), HEADS)
def test_a_replaced_classifier_is_none_of_timms(head: Any, outputs: int) -> None:
    module = tiny()
    module.head = head
    network = recognise(module.eval())
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, outputs)
    assert network.classify(torch.zeros(2, 17, 64)).shape == (2, outputs)
    assert network.classes == 0
    assert not network.embeds(outputs)


def test_embeddings_are_told_from_classes() -> None:
    features = tiny(num_classes=0)
    assert recognise(features).embeds(64)
    assert not recognise(features).embeds(7), "another layer comes after it"
    clip = build("vit_base_patch32_clip_224.openai", img_size=32, patch_size=8, num_classes=512)
    assert recognise(clip).embeds(512)
    torch.nn.init.normal_(clip.head.bias)
    assert not recognise(clip).embeds(512), "a classifier that was trained has a bias"
    assert not recognise(build("vit_base_patch32_clip_224.openai", img_size=32, num_classes=9)).embeds(9)
    assert not recognise(tiny(num_classes=512)).embeds(512)
