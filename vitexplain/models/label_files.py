"""Label files of the user: text, JSON or a table, and the one place that decides which labels a model gets."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path

from vitexplain.errors import ModelError
from vitexplain.files import UnreadableError, read_regular
from vitexplain.images.files import shown
from vitexplain.models.json_text import MAX_BYTES, parse_json
from vitexplain.models.labels import Labels, imagenet_labels

LabelSource = str | os.PathLike[str] | Labels

_WORDNET_LINE = re.compile(r"(n\d{8})[\s,:]+(.+)")
_LONGEST = 1_000
"""Characters of the longest name of a class."""
PLAIN = f"expected plain text of at most {_LONGEST:,} characters"
_FORMS = "one name a line, a JSON list or {index: name}, or a .tsv of index, WordNet id and synonyms"


def resolve_labels(
    given: LabelSource | Sequence[str] | Mapping[int, str] | None,
    num_classes: int,
    metadata: object = None,
    *,
    table: bool = True,
) -> Labels | None:
    """Return the labels given, else those in the weights' metadata, else timm's by the number of classes, else None.

    `table` False: never timm's.

    ModelError: a file that cannot be read, or another number of labels than the model has classes.
    """
    if num_classes == 0:
        return None
    if given is None:
        return metadata_labels(metadata, num_classes) or (imagenet_labels(num_classes) if table else None)
    labels = given_labels(given)
    if len(labels) != num_classes:
        raise ModelError(
            f"labels {_name(given)}: {len(labels):,} names, expected {num_classes:,}, one for each class of the model"
        )
    odd = unprintable(labels)
    if odd is not None:
        raise ModelError(f"labels {_name(given)}: name {odd} has a sign that cannot be shown, or no end: {PLAIN}")
    return labels


def given_labels(given: LabelSource | Sequence[str] | Mapping[int, str]) -> Labels:
    """Return the labels given, however many there are; ModelError: they cannot be read."""
    labels = _given(given)
    if labels is None:
        raise ModelError(f"labels {_name(given)}: expected {_FORMS}")
    return labels


def metadata_labels(metadata: object, num_classes: int) -> Labels | None:
    """Return the labels that came with the weights if they are so many and can be shown, else None."""
    labels = _of_metadata(metadata)
    return _printable(labels) if labels is not None and len(labels) == num_classes else None


def label_notices(metadata: object, num_classes: int) -> tuple[str, ...]:
    """Return a notice if the class names that came with the weights do not fit the classes, and so are not used."""
    if metadata is None or num_classes == 0:
        return ()
    labels = _of_metadata(metadata)
    if labels is not None and len(labels) == num_classes:
        labels = _printable(labels)
    if labels is None:
        return ("the class names that came with the weights cannot be read and are not used: give `labels=`",)
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
    return shown(str(given)) if isinstance(given, str | os.PathLike) else "given"


def _printable(labels: Labels | None) -> Labels | None:
    return labels if labels is None or unprintable(labels) is None else None


def unprintable(labels: Labels) -> int | None:
    """Return the first class one of whose names is too long, or would break lines, terminals or UTF-8; None: none."""
    for index in range(len(labels)):
        for name in (*labels.synonyms(index), labels.id(index) or ""):
            plain = name.isascii() and name.isprintable()
            if len(name) > _LONGEST or not (plain or all(_is_shown(sign) for sign in name)):
                return index
    return None


def _is_shown(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp") or sign == "\t"


def _read(path: Path) -> Labels | None:
    label = shown(str(path))
    try:
        text = read_regular(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelError(f"labels {label}: not a text in UTF-8, expected {_FORMS}") from None
    except UnreadableError as error:
        raise ModelError(f"labels {label}: cannot be read ({error.reason}): check the name") from None
    if path.suffix.lower() == ".tsv":
        return _from_table(path, text)
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        try:
            return _from_json(parse_json(text))
        except ValueError as error:
            raise ModelError(f"labels {label}: not valid JSON ({error}), expected {_FORMS}") from None
    return _from_lines(path, _lines(text))


def _lines(text: str) -> list[str]:
    """Return the lines as editors count them: a name may hold any other sign."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[:-1] if lines and not lines[-1] else lines


def _from_lines(path: Path, lines: Sequence[str]) -> Labels:
    names = [line.strip() for line in lines]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise ModelError(f"labels {shown(str(path))}: line {names.index('') + 1} is empty, expected {_FORMS}")
    found = [_WORDNET_LINE.fullmatch(name) for name in names]
    if names and all(found):
        return Labels([match[2].split(", ") for match in found if match], [match[1] for match in found if match])
    return Labels([[name] for name in names])


def _from_table(path: Path, text: str) -> Labels:
    ids: list[str | None] = []
    synonyms: list[list[str]] = []
    for number, line in enumerate(_lines(text), start=1):
        fields = line.split("\t")
        if len(fields) != 3 or fields[0].strip() != str(number - 1) or not fields[2].strip():
            raise ModelError(
                f"labels {shown(str(path))}: line {number} is {line[:60]!r}, expected '{number - 1}', a WordNet id and "
                "synonyms, separated by tabs"
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
        if data and all(type(value) is int for value in data.values()):
            if len(set(data.values())) != len(data):
                return None
            data = {value: key for key, value in data.items()}
        by_index = {_index(key): value for key, value in data.items()}
        if len(by_index) != len(data) or set(by_index) != set(range(len(by_index))):
            return None
        data = [by_index[index] for index in range(len(by_index))]
    if not isinstance(data, list | tuple):
        return None
    if data and all(_is_pair(entry) for entry in data):
        return Labels([[entry[1]] for entry in data], [entry[0] for entry in data])
    if not all(isinstance(entry, str) and entry for entry in data):
        return None
    return Labels([[entry] for entry in data])


def _index(key: object) -> int | None:
    """Return the index that a key means: a whole number, or its digits."""
    if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10:
        return int(key)
    return int(key) if isinstance(key, Integral) and not isinstance(key, bool) else None


def _is_pair(entry: object) -> bool:
    """Whether an entry is [WordNet id, name], as in Keras's imagenet_class_index.json."""
    return isinstance(entry, list | tuple) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
