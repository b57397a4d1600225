"""What the judge says, as a file: its tables and its sentences, for those who look at them later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from vitexplain import __version__
from vitexplain.evaluation.conclusion import conclusions
from vitexplain.evaluation.findings import Evaluation
from vitexplain.evaluation.tables import tables
from vitexplain.output.run_folder import JUDGED_SCHEMA


def judged(evaluation: Evaluation, words: Callable[[str], str]) -> dict[str, Any]:
    """Return tables, conclusions and notices as JSON values; `words` makes of a note what its readers understand."""
    return {
        "schema": JUDGED_SCHEMA,
        "model": evaluation.model,
        "images": len(evaluation.images),
        "tables": [{**asdict(table), "notes": [words(note) for note in table.notes]} for table in tables(evaluation)],
        "conclusions": conclusions(evaluation),
        "notices": [words(notice) for notice in evaluation.question.notices],
        "version": __version__,
    }
