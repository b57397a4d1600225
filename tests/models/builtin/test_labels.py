"""The labels of the built-in model."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitexplain.errors import ModelError
from vitexplain.models.builtin.labels import read_labels


def test_there_are_200_classes_with_id_and_synonyms() -> None:
    labels = read_labels()
    assert len(labels) == 200
    assert labels[0] == ("n01443537", ["goldfish", "Carassius auratus"])
    assert all(wordnet_id.startswith("n") and len(wordnet_id) == 9 for wordnet_id, _ in labels)
    assert all(synonyms and all(synonyms) for _, synonyms in labels)


@pytest.mark.parametrize("text", ["0\tn01443537", "1\tn01443537\tgoldfish", "goldfish\n"])
def test_a_damaged_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text(text)
    with pytest.raises(ModelError, match="line 1"):
        read_labels(path)
    with pytest.raises(ModelError, match="cannot be read"):
        read_labels(tmp_path / "none.tsv")
