"""truth_of: which class of a model the label is that came with a picture."""

from __future__ import annotations

from vitexplain.models import LoadedModel
from vitexplain.result import Truth


def truth_of(given: str | int, model: LoadedModel) -> Truth:
    """Return the label with its class: an index, a WordNet id, or any synonym, as `--target` takes them.

    Synonyms with commas between them, as data sets write them, are one label. No class: the model has none like it, or
    several, or a single output, which is no choice.
    """
    text = str(given)
    index = _index(text.strip(), model)
    labels = model.labels
    if index is None or labels is None:
        return Truth(text, index)
    return Truth(text, index, labels.name(index), labels.id(index))


def _index(text: str, model: LoadedModel) -> int | None:
    if model.num_classes < 2:
        return None
    if text.isascii() and text.isdigit():
        return int(text) if len(text) < 10 and int(text) < model.num_classes else None
    if model.labels is None or not text:
        return None
    found = set(model.labels.find(text) or model.labels.find(text.replace("_", " ")))
    if not found and "," in text:
        named = [set(model.labels.find(part)) for part in text.split(",")]
        found = set.intersection(*named)
    return found.pop() if len(found) == 1 else None
