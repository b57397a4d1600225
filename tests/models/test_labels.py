"""Names of classes: found whatever the case, timm's tables by their number."""

from __future__ import annotations

import pytest

from vitexplain.models.labels import Labels, imagenet_labels


def test_names_ids_and_synonyms() -> None:
    labels = Labels([["tabby", "tabby cat"], ["crane"], ["crane"], []], ["n02123045", "n02012849", "n03126707", None])
    assert len(labels) == 4
    assert (labels.name(0), labels.id(0), labels.synonyms(0)) == ("tabby", "n02123045", ("tabby", "tabby cat"))
    assert labels.find("TABBY Cat") == [0] == labels.find(" N02123045 ")
    assert labels.find("crane") == [1, 2]
    assert labels.find("cran") == []
    assert labels.name(3) is None
    assert labels.name(4) is labels.id(-1) is None


def test_nearest_names() -> None:
    labels = Labels([["tabby", "tabby cat"], ["Egyptian cat"], ["Labrador retriever"]])
    assert labels.nearest("cat")[:2] == ["tabby cat", "Egyptian cat"]
    assert labels.nearest("labradr retriver") == ["Labrador retriever"]
    assert labels.nearest("") == []


@pytest.mark.parametrize(("count", "name"), [(1000, "tench"), (11821, None), (21841, None), (21843, None)])
def test_timms_tables(count: int, name: str | None) -> None:
    labels = imagenet_labels(count)
    assert labels is not None
    assert len(labels) == count
    assert all(labels.name(index) and str(labels.id(index)).startswith("n") for index in (0, count - 1))
    if name:
        assert labels.name(0) == name
        assert labels.find("tinca tinca") == [0] == labels.find("n01440764")


def test_no_table_for_other_numbers() -> None:
    assert imagenet_labels(7) is None
