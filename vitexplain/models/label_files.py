"""Label files of the user: text, JSON or a table, and the one place that decides which labels a model gets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from vitexplain.errors import ModelError
from vitexplain.models.labels import Labels, imagenet_labels

LabelSource = str | os.PathLike[str] | Labels

_WORDNET_LINE = re.compile(r"(n\d{8})[\s,:]+(.+)")
_FORMS = "one name a line, a JSON list or {index: name}, or a .tsv of index, WordNet id and synonyms"


def resolve_labels(
    given: LabelSource | Sequence[str] | Mapping[int, str] | None, num_classes: int, metadata: object = None
) -> Labels | None:
    """Return the labels given, else those in the weights' metadata, else timm's by the number of classes, else None.

    ModelError: a file that cannot be read, or another number of labels than the model has classes.
    """
    if num_classes == 0:
        return None
    if given is None:
        labels = _of_metadata(metadata)
        return labels if labels is not None and len(labels) == num_classes else imagenet_labels(num_classes)
    labels = _given(given)
    if labels is None:
        raise ModelError(f"labels {_name(given)}: expected {_FORMS}")
    if len(labels) != num_classes:
        raise ModelError(
            f"labels {_name(given)}: {len(labels):,} names, expected {num_classes:,}, one for each class of the model"
        )
    return labels


def label_notices(metadata: object, num_classes: int) -> tuple[str, ...]:
    """Return a notice if the class names that came with the weights do not fit the classes, and so are not used."""
    if metadata is None or num_classes == 0:
        return ()
    labels = _of_metadata(metadata)
    if labels is None:
        return ("the class names that came with the weights cannot be read and are not used: give --labels",)
    if len(labels) != num_classes:
        return (f"{len(labels):,} class names came with the weights, expected {num_classes:,}: not used",)
    return ()


def _of_metadata(metadata: object) -> Labels | None:
    return metadata if isinstance(metadata, Labels) else _from_json(metadata)


def _given(given: LabelSource | Sequence[str] | Mapping[int, str]) -> Labels | None:
    if isinstance(given, Labels):
        return given
    if isinstance(given, str | os.PathLike):
        return _read(Path(given))
    return _from_json(given)


def _name(given: object) -> str:
    return str(given) if isinstance(given, str | os.PathLike) else "given"


def _read(path: Path) -> Labels | None:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ModelError(f"labels {path}: not a text in UTF-8, expected {_FORMS}") from None
    except OSError as error:
        raise ModelError(f"labels {path}: cannot be read ({error.strerror}): check the name") from None
    if path.suffix.lower() == ".tsv":
        return _from_table(path, text)
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        try:
            return _from_json(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ModelError(f"labels {path}: not valid JSON ({error}), expected {_FORMS}") from None
    return _from_lines(path, text.splitlines())


def _from_lines(path: Path, lines: Sequence[str]) -> Labels:
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise ModelError(f"labels {path}: line {names.index('') + 1} is empty, expected {_FORMS}")
    found = [_WORDNET_LINE.fullmatch(name) for name in names]
    if names and all(found):
        return Labels([match[2].split(", ") for match in found if match], [match[1] for match in found if match])
    return Labels([[name] for name in names])


def _from_table(path: Path, text: str) -> Labels:
    ids: list[str | None] = []
    synonyms: list[list[str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) != 3 or fields[0].strip() != str(number - 1) or not fields[2].strip():
            raise ModelError(
                f"labels {path}: line {number} is {line[:60]!r}, expected '{number - 1}', a WordNet id and synonyms, "
                "separated by tabs"
            )
        ids.append(fields[1].strip() or None)
        synonyms.append([name.strip() for name in fields[2].split(", ")])
    return Labels(synonyms, ids)


def _from_json(data: object) -> Labels | None:
    """Return labels from a list, {index: name}, {name: index} or a config with such a table; None: something else."""
    if isinstance(data, Mapping):
        for key in ("label_names", "id2label", "labels"):
            if isinstance(data.get(key), Mapping | list | tuple):
                return _from_json(data[key])
        if data and all(isinstance(value, int) for value in data.values()):
            data = {value: key for key, value in data.items()}
        try:
            by_index = {int(key): value for key, value in data.items()}
        except (TypeError, ValueError):
            return None
        if sorted(by_index) != list(range(len(by_index))):
            return None
        data = [by_index[index] for index in range(len(by_index))]
    if not isinstance(data, list | tuple):
        return None
    if data and all(_is_pair(entry) for entry in data):
        return Labels([[entry[1]] for entry in data], [entry[0] for entry in data])
    if not all(isinstance(entry, str) and entry for entry in data):
        return None
    return Labels([[entry] for entry in data])


def _is_pair(entry: object) -> bool:
    """Whether an entry is [WordNet id, name], as in Keras's imagenet_class_index.json."""
    return isinstance(entry, list | tuple) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
