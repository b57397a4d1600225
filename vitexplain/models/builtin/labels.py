"""The 200 classes of the built-in model: WordNet id and synonyms, in the order of its outputs."""

from __future__ import annotations

from pathlib import Path

from vitexplain.errors import ModelError

LABELS_FILE = Path(__file__).with_name("labels.tsv")


def read_labels(path: Path = LABELS_FILE) -> list[tuple[str, list[str]]]:
    """Return (WordNet id, synonyms) for each class, class k at place k.

    A line of the file is `index TAB WordNet id TAB synonyms`, the synonyms separated by ", " and the index counting
    from 0 without gaps.

    Raises ModelError if the file is not there or is not such a table.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"the labels {path} cannot be read ({error}); install vitexplain again") from error
    labels: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines):
        fields = line.split("\t")
        if len(fields) != 3 or fields[0] != str(number):
            raise ModelError(
                f"the labels {path} have {line[:60]!r} in line {number + 1}; expected "
                f"'{number} TAB WordNet id TAB synonyms'; install vitexplain again"
            )
        labels.append((fields[1], fields[2].split(", ")))
    return labels
