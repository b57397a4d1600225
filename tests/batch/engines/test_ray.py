"""Ray beside the local engine: the same parts, whatever dies on the way; nothing is left, and nothing is said."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.batch.engines.ray_run import Run, deadly, loaded
from tests.batch.folder_state import by_path, pictures, records, tables
from tests.batch.mixed_files import encoded, fill
from tests.cli.command_line import command_line
from vitexplain.batch.engines.ray_cluster import cluster, require_ray
from vitexplain.errors import LimitError, MissingExtraError, ModelError, OutputError

pytest.importorskip("ray")
# Ray's own: sockets and files that it leaves to the garbage collector, and what it announces to its developers.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

SMALL = ("--part-size", 20, "--batch-size", 4, "--workers", 1, "-m", "rollout", "--threads", 1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """What is compared is computed with as many threads; those of this process are set back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def ray_here() -> Iterator[Any]:
    """The module ray, connected to an instance of this machine that all tests share."""
    with cluster(None, cpus=2, logs=False) as ray:
        yield ray
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # files that Ray leaves open
        gc.collect()


@pytest.fixture(scope="module")
def address(ray_here: Any) -> str:
    """Where that instance answers."""
    return str(ray_here.get_runtime_context().gcs_address)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety pictures and ten broken files."""
    folder = tmp_path_factory.mktemp("photos")
    fill(folder, 90, 10)
    return folder


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the local engine makes of them."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert command_line("batch", photos, "-o", out, "--model", tiny_model, "-q", *SMALL).code == 1
    return out


def started(photos: Path, out: Path, model: Path, *more: object) -> subprocess.Popen[str]:
    """Start `vitexplain batch` in a process, and a group of processes, of its own."""
    command = [sys.executable, "-m", "vitexplain", "batch", photos, "-o", out, "--model", model, *SMALL, *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(list(map(str, command)), stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def test_goes_on_where_the_local_engine_was_killed_without_a_word(
    photos: Path, undisturbed: Path, tiny_model: Path, address: str, tmp_path: Path
) -> None:
    killed = started(photos, tmp_path / "out", tiny_model)
    await_parts(tmp_path / "out", killed)
    killed.kill()
    killed.communicate()
    process = started(photos, tmp_path / "out", tiny_model, "--engine", "ray", "--ray-address", address)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 1
    assert_equal(tmp_path / "out", undisturbed)
    assert out == f"90 explained, 10 failed: {tmp_path / 'out' / 'parts'}\n"
    assert all(line.startswith("error: ") for line in err.splitlines()), err


def assert_equal(out: Path, expected: Path) -> None:
    """Both hold the same parts, records and pictures, bit for bit, and no other file."""
    assert [table.name for table in tables(out)] == [table.name for table in tables(expected)]
    assert by_path(out) == by_path(expected)
    assert pictures(out) == pictures(expected)


def test_a_process_that_dies_is_replaced(
    ray_here: Any,
    photos: Path,
    undisturbed: Path,
    tiny_model: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    run = Run(ray_here, photos, tmp_path / "out", tiny_model, load=partial(loaded, str(tiny_model), str(notes)))
    killed: list[int] = []

    def kill(_record: Mapping[str, Any]) -> None:
        if not killed and run.parts() > 0:
            killed.extend(int(note.name) for note in notes.iterdir())
            os.kill(killed[0], signal.SIGKILL)

    tally = run(report=kill)
    assert (tally.explained, tally.failed) == (90, 10)
    assert len(list(notes.iterdir())) == 2
    assert capfd.readouterr() == ("", "")
    assert_equal(tmp_path / "out", undisturbed)


def test_a_process_that_always_dies_ends_the_run(ray_here: Any, photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    run = Run(ray_here, photos, tmp_path / "out", tiny_model, load=partial(deadly, str(tiny_model)))
    with pytest.raises(LimitError, match="died 2 times"):
        run()


class _Deadly(int):
    """A limit of pixels that ends the process that compares it with 13 x 13: a decoder that crashes."""

    def __lt__(self, other: int) -> bool:
        if other == 169:
            os._exit(11)
        return False


def test_a_decoder_that_crashes_costs_one_picture(ray_here: Any, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(5):
        size = (13, 13) if number == 2 else (20, 20)
        (tmp_path / "photos" / f"{number}.png").write_bytes(encoded("PNG", number, size))
    errors: list[str] = []
    run = Run(ray_here, tmp_path / "photos", tmp_path / "out", tiny_model, request={"max_pixels": _Deadly(10**6)})
    tally = run(report=lambda record: errors.append(record["error"]["message"]) if record else None)
    assert (tally.explained, tally.failed) == (4, 1)
    assert len(errors) == 1 and "2.png: the process that read it died (exit code 11)" in errors[0]
    assert [("error" in record) for record in records(tmp_path / "out")] == [False, False, True, False, False]


def await_parts(out: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a part is whole and others are not."""
    while process.poll() is None and not list((out / "parts").glob("*.json")):
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()


def test_nothing_outlives_a_run_of_this_machine_alone(
    photos: Path, undisturbed: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """Killed, then interrupted, then finished by this process."""
    out = tmp_path / "out"
    killed = started(photos, out, tiny_model, "--engine", "ray")
    await_parts(out, killed)
    (folder,) = folders_of(killed)
    killed.kill()
    killed.communicate()
    assert_gone(folder)
    interrupted = started(photos, out, tiny_model, "--engine", "ray")
    while not (found := folders_of(interrupted)):
        time.sleep(0.05)
    assert found != [folder]
    assert not folder.exists(), "what the killed run left is removed"
    while processes_of(found[0]) < 4:
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(interrupted.pid, signal.SIGINT)
    _, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130, err
    assert "Traceback" not in err
    assert_gone(found[0])
    assert not found[0].exists()
    assert command_line("batch", photos, "-o", out, "--model", tiny_model, "-q", *SMALL).code == 1
    assert_equal(out, undisturbed)


def folders_of(process: subprocess.Popen[str]) -> list[Path]:
    """Return the temporary folders of Ray that the process uses."""
    links = []
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed by now
            links.append(link.readlink())
    return [link.parent for link in links if link.match("vitexplain-ray-*/owned")]


def processes_of(folder: Path) -> int:
    """Return how many processes have the folder in their command lines."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += str(folder).encode() in path.read_bytes()
        except OSError:
            continue
    return found


def assert_gone(folder: Path) -> None:
    """No process of the Ray instance is there, within seconds."""
    for _ in range(100):
        if not processes_of(folder):
            return
        time.sleep(0.1)
    raise AssertionError(f"{processes_of(folder)} processes are left")


def test_another_model_on_a_machine_is_found_out(ray_here: Any, photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    run = Run(ray_here, photos, tmp_path / "out", tiny_model, manifest={"weights_sha256": "0" * 64})
    with pytest.raises(ModelError, match=r"the model on machine .* is another one \(weights_sha256\)"):
        run()
    assert not run.parts()


def test_an_output_that_is_not_shared_is_found_out(
    ray_here: Any, photos: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machines' current folder is another one, so that a relative path leads elsewhere."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run = Run(ray_here, photos, Path("out"), tiny_model, place=str(tmp_path))
    with pytest.raises(OutputError, match="out is not there on machine"):
        run()


def test_an_address_that_nobody_answers(photos: Path, tiny_model: Path, tmp_path: Path) -> None:
    begun = time.monotonic()
    given = ("--engine", "ray", "--ray-address", "127.0.0.1:1")
    ended = command_line("batch", photos, "-o", tmp_path / "out", "--model", tiny_model, *given)
    assert ended.code == 4
    assert re.search(r"no Ray cluster answers at 127\.0\.0\.1:1 \(.*refused\)", ended.error_line)
    assert "--ray-address" in ended.error_line
    assert time.monotonic() - begun < 10
    assert not (tmp_path / "out").exists()


def test_another_version_on_a_machine_is_found_out(
    ray_here: Any, photos: Path, tiny_model: Path, tmp_path: Path
) -> None:
    run = Run(ray_here, photos, tmp_path / "out", tiny_model, version="0.0.1")
    with pytest.raises(ModelError, match=r"machine .* has vitexplain .*, not 0\.0\.1: install the same version"):
        run()


def test_lists_are_made_without_torch() -> None:
    code = (
        "import sys, vitexplain.batch.engines.ray_worker\n"
        "print([name for name in ('torch', 'timm', 'cv2', 'rich', 'ray') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitexplain.batch.engines.ray_cluster.find_spec", lambda name: None if name == "ray" else 1)
    with pytest.raises(
        MissingExtraError, match=re.escape("needs ray, which is not installed: pip install 'vitexplain[ray]'")
    ):
        require_ray()
