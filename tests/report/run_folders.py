"""Run folders with what a report has to cope with: names and labels that are markup, failures, several targets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.given_result import explanation, result
from vitexplain.errors import InputError
from vitexplain.images import open_picture
from vitexplain.output import WriteOptions, line, write_result
from vitexplain.result import Check, Explanation, Failure, Prediction, Result, Target
from vitexplain.result.check import Answers

HOSTILE_NAME = "</script><img src=x onerror=alert(1)>'\"&\u2028#?%41\u202egpj.png"
HOSTILE_LABEL = '</script><script>alert("label")</script>\u2029 <b>&amp;'


def write_picture(path: Path, width: int = 64, height: int = 48, seed: int = 0) -> None:
    """Write a picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def checked(better: bool) -> Check:
    """Return a check that a map passed, or did not."""
    highest = 0.1 if better else 0.6
    removed, kept = Answers(highest, (0.5, 0.6), 0.7), Answers(0.2, (0.2, 0.3), 0.1)
    target = Target(3, "tabby", None)
    return Check(target, "probability", "mean", 0, 0.1, 2, 0.75, 0.05, removed, kept, "most-probable", ((0, 1),), 2)


def signed(seed: int, target: Target) -> Explanation:
    """Return signed float64 scores for a target."""
    scores = np.random.default_rng(seed).normal(size=(4, 4)) / 3
    return replace(explanation("attn-lrp"), method="attn-lrp", scores=scores, target=target, signed=True)


def explained(path: Path, name: str, label: str | None, probability: float, seed: int) -> Result:
    """Return the result of the picture at `path`, called `name` in its record."""
    picture = open_picture(path, name=name)
    targets = (Target(3, label, "n02123045"), Target(9, None, None, lowers=True))
    scores = np.random.default_rng(seed).random((4, 4)).astype(np.float32)
    found = (
        replace(explanation("rollout"), scores=scores, check=checked(seed % 2 == 0), notices=("odd: <i>1</i>",)),
        *(signed(seed + place, target) for place, target in enumerate(targets)),
    )
    first = Prediction(3, label, "n02123045", probability, 2.5)
    made = result(replace(picture, path=name), found)
    return replace(made, predictions=(first, Prediction(9, None, None, (1 - probability) / 2, 0.5)))


def write_batch(folder: Path, pictures: Sequence[tuple[str, str | None, float]], failed: Sequence[str] = ()) -> Path:
    """Write the folder of a batch over pictures with these names, labels and probabilities, and its pictures.

    The pictures are in `folder/in`, the batch in `folder/out`, which is returned.
    """
    out = folder / "out"
    lines = []
    for seed, (name, label, probability) in enumerate(pictures):
        path = folder / "in" / name
        write_picture(path, 64 - 24 * (seed % 3), 48, seed)
        made = explained(path, str(path), label, probability, seed)
        lines.append(line(write_result(made, WriteOptions(out, record=False), name).record))
    lines += [line(Failure(str(folder / "in" / name), InputError(f"{name}: broken")).to_record()) for name in failed]
    out.mkdir(exist_ok=True)
    settings = {
        "schema": "vitexplain-batch/1",
        "folder": str(folder / "in"),
        "model": {"name": "builtin"},
        "methods": {},
    }
    (out / "manifest.json").write_text(json.dumps(settings), encoding="utf-8")
    (out / "records.jsonl").write_bytes(b"".join(lines))
    return out


def small_batch(folder: Path) -> Path:
    """Write a batch of five pictures, one with a hostile name and label, and one that failed."""
    pictures = [
        ("cats/tabby one.png", "tabby", 0.9),
        ("cats/two.png", "tabby", 0.4),
        (f"odd/{HOSTILE_NAME.replace('/', '_')}", HOSTILE_LABEL, 0.2),
        ("dogs/beagle.png", "beagle", 0.6),
        ("dogs/none.png", None, 0.5),
    ]
    return write_batch(folder, pictures, ["dogs/broken <b>.png"])


def records_in(folder: Path) -> list[Mapping[str, Any]]:
    """Return the records of a batch."""
    return [json.loads(each) for each in (folder / "records.jsonl").read_text(encoding="ascii").splitlines()]


def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
