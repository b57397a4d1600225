"""The record of an animation (schema "vitexplain/animation-1"): what each of its frames shows, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vitexplain.methods.deletion import Deletion
from vitexplain.result import Explanation, Result, plain, plain_number

ANIMATION_SCHEMA = "vitexplain/animation-1"


def layers_record(
    result: Result,
    explanations: Sequence[Explanation],
    display: Callable[[Explanation], tuple[float, float] | None],
) -> dict[str, Any]:
    """Return the record of frames by layer: the scores of each, and where its colours end (`Drawing.asked`)."""
    frames = [each.to_record(display=display(each)) for each in explanations]
    named = ("spec", "layers", "scores", "unit", "statistics", "display")
    return _record(
        result, explanations[-1], "layers", {"frames": [{name: each[name] for name in named} for each in frames]}
    )


def deletion_record(result: Result, explanation: Explanation, deletion: Deletion) -> dict[str, Any]:
    """Return the record of the frames of a deletion: which patches each removes, and the answers then."""
    cols = result.model.grid[1]
    frames, before = [], np.zeros_like(deletion.removed[0])
    answers = [[plain_number(np.float32(each)) for each in of] for of in (deletion.answers, deletion.random)]
    for removed, answer, random in zip(deletion.removed, *answers, strict=True):
        places = [[int(patch) // cols, int(patch) % cols] for patch in (removed & ~before).nonzero()[0]]
        frames.append({"removed": int(removed.sum()), "patches": places, "answer": answer, "random": random})
        before = removed
    about = {"of": deletion.of, "fill": deletion.fill, "seed": deletion.seed}
    return _record(result, explanation, "deletion", {**about, "frames": frames})


def _record(result: Result, explanation: Explanation, over: str, frames: dict[str, Any]) -> dict[str, Any]:
    record, explained = result.to_record(), explanation.to_record()
    return {
        "schema": ANIMATION_SCHEMA,
        **{name: record[name] for name in ("image", "model", "predictions")},
        "over": over,
        **{name: explained[name] for name in ("method", "spec", "source", "target")},
        **frames,
        "notices": [*record.get("notices", []), *plain(explanation.notices)],
        "version": result.version,
    }
