"""Targets: words as classes, and the errors for those that do not exist."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.given_attention import GivenNetwork
from vitexplain.errors import ModelError, UsageError
from vitexplain.images import Preprocess
from vitexplain.models import Labels, LoadedModel
from vitexplain.pipeline.targets import Targets, resolve_targets

LABELS = Labels(
    [("koala", "koala bear"), ("German shepherd",), ("crane",), ("crane",), ("crane, the bird",)],
    ["n1", "n2", "n3", "n4", "n5"],
)


def model(num_classes: int = 5, labels: Any = LABELS) -> LoadedModel:
    preprocess = Preprocess((8, 8), 1.0, "center", "bicubic", (0.5,) * 3, (0.5,) * 3, (4, 4), False)
    network = GivenNetwork(torch.nn.Identity())
    return LoadedModel(network, "net", "test", preprocess, labels, num_classes, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    ("text", "against", "expected"),
    [
        ("top1", None, Targets()),
        ("top3", "1", Targets(3, (), 1)),
        ("2", None, Targets(0, (2,))),
        ("KOALA BEAR", None, Targets(0, (0,))),
        ("LABEL_3", "class 1", Targets(0, (3,), 1)),
        ("class-2,label_0", None, Targets(0, (2, 0))),
        ("not:LABEL_3", None, Targets(0, (-4,))),
        ("n2", None, Targets(0, (1,))),
        ("koala", "german shepherd", Targets(0, (0,), 1)),
        ("all", None, Targets(0, (0, 1, 2, 3, 4))),
        ("all", "3", Targets(0, (0, 1, 2, 4), 3)),
        ("german shepherd, koala,1", None, Targets(0, (1, 0))),
        ("crane, the bird", None, Targets(0, (4,))),
        (("koala", "1", "koala bear"), None, Targets(0, (0, 1))),
        (("crane, the bird", "koala,2"), None, Targets(0, (4, 0, 2))),
        (("top2",), None, Targets(2)),
        ("above.25", None, Targets(0, (), None, 0.25)),
        ("above1e-3", None, Targets(0, (), None, 0.001)),
    ],
)
def test_words(text: str | tuple[str, ...], against: str | None, expected: Targets) -> None:
    assert resolve_targets(text, against, model()) == expected


@pytest.mark.parametrize(
    ("text", "against", "message"),
    [
        ("kola", None, "target 'kola' is no label of the model: the nearest label is koala"),
        ("5", None, "target 5 does not exist: the model has classes 0 to 4"),
        ("LABEL_5", None, "target 5 does not exist: the model has classes 0 to 4"),
        ("bear", None, "target 'bear' is no label of the model: the nearest label is koala bear"),
        ("top0", None, "target 'top0' is no class: top1 is the most probable one"),
        ("", None, "target is empty"),
        ("koala,,baboon", None, "target 'koala,,baboon' has an empty place"),
        ("crane", None, "target 'crane' names 2 classes: give an index, 2 or 3"),
        ("koala", "shepherd", "against 'shepherd' is no label of the model: the nearest label is German shepherd"),
        ("koala", "0", "the same class: give two classes"),
        ("1,koala", "0", "the same class: give two classes"),
        ("koala,kola", None, "target 'kola' is no label of the model"),
        ("koala,", None, "target 'koala,' has an empty place"),
        ("koala,top2", None, "'top2' stands alone, only labels and indices are joined by commas"),
        (("koala", "top2"), None, "'top2' stands alone, only labels and indices are joined by commas"),
        (("koala", "all"), None, "'all' stands alone, only labels and indices are joined by commas"),
        (("koala", "kola"), None, "target 'kola' is no label of the model"),
        (("koala", "1"), "1", "target 'koala,1' and against '1' name the same class: give two classes"),
        (("koala", ""), None, "target is empty"),
        ((), None, "target is empty"),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(
    text: str | tuple[str, ...], against: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        resolve_targets(text, against, model())
    assert "\n" not in str(caught.value)


def test_models_without_names_or_classifier() -> None:
    with pytest.raises(UsageError, match="classes have no names: give an index from 0 to 4"):
        resolve_targets("koala", None, model(labels=None))
    with pytest.raises(ModelError, match=r"no classifier.*`weights=`.*`num_classes=`"):
        resolve_targets("top1", None, model(num_classes=0))
    for target in ("top1", "all", "0"):
        with pytest.raises(UsageError, match="against '0' is the only class of the model: leave it out"):
            resolve_targets(target, "0", model(num_classes=1, labels=None))


def test_classes_of_a_batch() -> None:
    logits = torch.tensor([[0.0, 3, 2, 1], [9, 0, 0, 5]])
    assert Targets(2).of(logits).tolist() == [[1, 0], [2, 3]]
    assert Targets(0, (3, 1)).of(logits).tolist() == [[3, 3], [1, 1]]
    assert Targets(9).of(logits).shape == (4, 2)


def test_no_class_is_explained_against_itself() -> None:
    logits = torch.tensor([[0.0, 3, 2, 1], [9, 0, 0, 5]])
    for against in range(4):
        found = Targets(3, (), against).of(logits)
        for image, classes in enumerate(found.T.tolist()):
            assert sorted(classes) == [index for index in range(4) if index != against]
            values = [float(logits[image, index]) for index in classes]
            assert values == sorted(values, reverse=True)
    assert Targets(9, (), 2).of(logits).shape == (3, 2)
    assert Targets(1, (), 1).of(logits).tolist() == [[2, 0]]
    assert [Targets(*given).count(4) for given in ((9, (), 2), (9,), (2, (), 2), (0, (3, 1), 2))] == [3, 4, 2, 2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_named_classes_are_exact_in_half_precision(dtype: torch.dtype) -> None:
    assert Targets(0, (281, 2049)).of(torch.zeros(1, 3000, dtype=dtype)).tolist() == [[281], [2049]]


def test_names_of_numbers_are_a_models_own_if_it_has_them_and_known_without_any() -> None:
    odd = Labels([("LABEL_1",), ("LABEL_0",)], [None, None])
    assert resolve_targets("LABEL_1", None, model(2, odd)) == Targets(0, (0,))
    assert resolve_targets("LABEL_1", None, model(2, None)) == Targets(0, (1,))


def test_the_classes_that_contain_a_word_are_listed() -> None:
    cats = [("lesser panda", "cat bear"), ("tabby", "tabby cat"), ("Egyptian cat",), ("catamount",), ("tomcat",)]
    with pytest.raises(UsageError) as caught:
        resolve_targets("cat", None, model(5, Labels(cats, [None] * 5)))
    assert "'cat' is no label of the model: 3 contain it, tabby cat, Egyptian cat, cat bear; an" in str(caught.value)
    many = Labels([(f"{name} dog",) for name in "abcdefgh"], [None] * 8)
    with pytest.raises(
        UsageError, match=r"8 contain it, a dog, b dog, c dog, d dog, e dog, f dog and 2 more; an index"
    ):
        resolve_targets("Dog", None, model(8, many))
