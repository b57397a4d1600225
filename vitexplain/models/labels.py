"""Labels: the names of a model's classes, and timm's tables of ImageNet names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from vitexplain.likeness import alike
from vitexplain.models.timm_import import import_timm

_NEAREST = 3
"""So many names are offered where none is the one given."""


class Labels:
    """Synonyms and WordNet id of each class; the first synonym is the name that is shown."""

    def __init__(self, synonyms: Sequence[Sequence[str]], ids: Sequence[str | None] | None = None) -> None:
        """Take the synonyms of class k at place k, and its WordNet id (None: there is none)."""
        self._synonyms = tuple(tuple(names) for names in synonyms)
        self._ids = tuple(ids) if ids is not None else (None,) * len(self._synonyms)

    def __len__(self) -> int:
        """Return the number of classes."""
        return len(self._synonyms)

    def name(self, index: int) -> str | None:
        """Return the first synonym of class `index`, None where nothing names it."""
        names = self.synonyms(index)
        return names[0] if names else None

    def id(self, index: int) -> str | None:
        """Return the WordNet id of class `index` ("n01443537"), None where there is none."""
        return self._ids[index] if 0 <= index < len(self._ids) else None

    def synonyms(self, index: int) -> tuple[str, ...]:
        """Return all names of class `index`, the one that is shown first."""
        return self._synonyms[index] if 0 <= index < len(self._synonyms) else ()

    def find(self, text: str) -> list[int]:
        """Return the classes that have `text` as a synonym or WordNet id, whatever the case, in ascending order."""
        return list(self._index.get(text.strip().casefold(), ()))

    def nearest(self, text: str) -> list[str]:
        """Return at most three names like `text`: first those that contain it, then those spelt alike."""
        return alike(text.strip(), self._spelling.values(), _NEAREST)

    def containing(self, text: str) -> list[str]:
        """Return of each class with `text` as a word of a name such a name: first those that end with it, short first.

        What a name ends with is what it is: a tabby cat, but no cat bear.
        """
        word = re.compile(rf"(?<!\w){re.escape(text.strip())}(?!\w)", re.IGNORECASE)
        ends = text.strip().casefold()

        def place(name: str) -> tuple[bool, int, str]:
            return not name.casefold().endswith(ends), len(name), name

        of_each = ([name for name in names if word.search(name)] for names in self._synonyms)
        return sorted((min(found, key=place) for found in of_each if found), key=place)

    @cached_property
    def _index(self) -> Mapping[str, tuple[int, ...]]:
        found: dict[str, list[int]] = {}
        for index, names in enumerate(self._synonyms):
            keys = {name.casefold() for name in names}
            wordnet_id = self._ids[index]
            if wordnet_id is not None:
                keys.add(wordnet_id.casefold())
            for key in keys:
                found.setdefault(key, []).append(index)
        return {key: tuple(indices) for key, indices in found.items()}

    @cached_property
    def _spelling(self) -> Mapping[str, str]:
        """Every name as it is written, by its casefolded form."""
        return {name.casefold(): name for names in self._synonyms for name in names}


def imagenet_labels(num_classes: int) -> Labels | None:
    """Return timm's names for ImageNet-1k, -12k, -21k ..., recognised by their number of classes; None for another."""
    timm = import_timm()
    subset = timm.data.infer_imagenet_subset({"num_classes": num_classes})
    if subset is None:
        return None
    info = timm.data.ImageNetInfo(subset)
    ids = [str(info.index_to_label_name(index)) for index in range(info.num_classes())]
    synonyms = [str(info.index_to_description(index)).split(", ") for index in range(info.num_classes())]
    # A table that does not have one name for each class would name the wrong ones.
    return Labels(synonyms, ids) if len(ids) == num_classes else None
