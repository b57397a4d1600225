"""Where the time of a batch goes: each stage gets its own time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.batch.mixed_files import encoded
from tests.cli.command_line import command_line
from vitexplain.batch import engine, worker
from vitexplain.batch.profile import STAGES
from vitexplain.output import atomic, contents
from vitexplain.pipeline import explain_batch

SLEEP = 0.03


def slow(does: Callable[..., Any]) -> Callable[..., Any]:
    def later(*arguments: Any, **keywords: Any) -> Any:
        time.sleep(SLEEP)
        return does(*arguments, **keywords)

    return later


@pytest.mark.parametrize(
    ("stage", "place", "name"),
    [
        ("decode", worker, "open_picture"),
        ("pixels", worker, "prepare"),
        ("draw", contents, "picture_file"),
        ("write", atomic, "_write"),
    ],
)
def test_what_is_slow_is_seen(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, stage: str, place: Any, name: str
) -> None:
    given = ("batch", tmp_path / "photos", "-o", tmp_path / "out", "--model", tiny_model, "--workers", 0, "-m", "raw")
    (tmp_path / "photos").mkdir()
    for number in range(4):
        (tmp_path / f"photos/{number}.png").write_bytes(encoded("PNG", number))
    taken = {}
    for speed in ("usual", "slow"):
        if speed == "slow":
            monkeypatch.setattr(place, name, slow(getattr(place, name)))
        ended = command_line(*given, "--profile", "--restart")
        assert ended.code == 0 and "profile: 4 images in" in ended.err
        found = re.findall(r"^ +(\w+) +([\d.]+) ms an image +\d+% of the time", ended.err, re.M)
        assert [each for each, _ in found] == list(STAGES)
        taken[speed] = float(dict(found)[stage])
    assert taken["slow"] >= 1e3 * SLEEP
    assert "profile" not in command_line(*given).err


def test_the_model_is_a_stage_of_its_own(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(encoded("PNG", 1))
    seen = []

    def noted(*arguments: Any, **keywords: Any) -> Any:
        results = explain_batch(*arguments, **keywords)
        seen.append(results[0].seconds)
        return results

    monkeypatch.setattr(engine, "explain_batch", noted)
    given = ("-o", tmp_path / "out", "--model", tiny_model, "--workers", 0, "-m", "raw", "--profile")
    ended = command_line("batch", tmp_path / "photos", *given)
    for stage, key in (("model", "forward_pass"), ("methods", "methods")):
        assert re.search(rf"^ +{stage} +{1e3 * seen[0][key]:.1f} ms", ended.err, re.M)
