"""Every command of vitexplain that README and guide show runs, in a place that has the files they name."""

from __future__ import annotations

import glob
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.command_line import Ended, command_line
from tests.guide.documents import DOCUMENTS, README, ROOT, blocks, commands, inline_code, shell_lines
from tests.guide.shown_names import has_library, write_run_folder, write_shards, write_stand_in

_SHOWN = list(dict.fromkeys(command for document in DOCUMENTS for command in commands(document)))
_FIRST = "vitexplain run sample_images/koala.jpg"


def _takes_minutes(command: str) -> bool:
    """Return whether the built-in model is too slow for a test: dozens of forward passes, huge exports."""
    checks = any(flag in command for flag in ("--check", "--outline"))
    return checks or command.startswith("vitexplain evaluate") or command.endswith("--all")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that stands in for the built-in one."""
    return write_stand_in(tmp_path_factory.mktemp("stand_in") / "model")


def _run(command: str) -> Ended:
    """Run a command as a shell would: with its wildcards, and piped to jq where that is installed."""
    words = shlex.split(command)
    piped = words[words.index("|") + 1 :] if "|" in words else []
    words = words[1 : words.index("|") if piped else None]
    given = [found for word in words for found in (sorted(glob.glob(word)) or [word])]  # noqa: PTH207 - of words
    ended = command_line(*given)
    if piped:
        assert all(json.loads(line) for line in ended.out.splitlines())
        assert piped[0] == "jq"
        if shutil.which("jq"):
            answer = subprocess.run(piped, input=ended.out, capture_output=True, text=True, check=True).stdout
            assert answer.strip() not in ("", "null")
    return ended


@pytest.mark.usefixtures("place", "one_thread")
@pytest.mark.parametrize("command", _SHOWN)
def test_a_command_that_is_shown(command: str, stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if _takes_minutes(command):
        monkeypatch.setenv("VITEXPLAIN_MODEL", str(stand_in))
    if "./hf_" in command and not has_library("transformers"):
        pytest.skip("transformers is not installed")
    if "parquet" in command and not has_library("pyarrow"):
        pytest.skip("pyarrow is not installed")
    if command.startswith("vitexplain merge"):
        write_shards([word for word in shlex.split(command)[2:] if word.endswith("/")])
    if command.startswith("vitexplain report"):
        write_run_folder(Path(shlex.split(command)[2]), Path("photos/cat.jpg"))
    ended = _run(command)
    assert ended.code == 0, ended.err
    assert "error" not in ended.err
    assert ended.out


@pytest.mark.usefixtures("place", "one_thread")
def test_the_output_in_the_readme_is_what_is_printed() -> None:
    """But for the last digits of probabilities and logits, which another processor may round otherwise."""
    (shown,) = blocks(README, "text")
    ended = _run(_FIRST)
    number = re.compile(r"(?<!\S)(-?\d+\.\d+)(?=%?(?:\s|$))")
    printed = ended.out + ended.err
    assert sorted(number.sub("", shown).split()) == sorted(number.sub("", printed).split())
    stated, found = ([float(each) for each in number.findall(text)] for text in (shown, ended.out))
    assert len(stated) == 10
    assert found == pytest.approx(stated, abs=0.5)


def test_the_two_commands_of_the_readme_are_those_of_the_gate() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    first, second = blocks(README, "sh")[:2]
    assert first == f"pip install . && {_FIRST}\n"
    assert second == "pip install '.[test]' && pytest\n"
    for command in (first.strip(), *second.strip().split(" && ")):
        assert f'step "{command}"' in gate
    for command in ("pip install --quiet .", _FIRST, "pip install --quiet '.[test]'", "pytest"):
        assert re.search(rf"^{re.escape(command)}(?= |$)", gate, re.MULTILINE), command


def test_every_benchmark_and_test_that_is_named_exists() -> None:
    code = [line for document in DOCUMENTS for line in (*shell_lines(document), *inline_code(document))]
    modules = {found for line in code for found in re.findall(r"python -m (tests[.\w]+)", line)} - {
        "tests.benchmarks.NAME"
    }
    paths = {found for line in code for found in re.findall(r"^tests/[\w/]+\.py$", line)}
    assert len(modules) > 5 and paths
    for path in (*paths, *(module.replace(".", "/") + ".py" for module in modules)):
        assert (ROOT / path).is_file(), path
