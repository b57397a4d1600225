"""Pictures from worker processes: in order, never too many at once, and a worker's death costs one picture."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.batch.mixed_files import encoded
from vitexplain.batch import reading
from vitexplain.batch.inputs import Input
from vitexplain.batch.reading import pictures
from vitexplain.batch.worker import Read, ReadJob, Unread
from vitexplain.errors import InputError, LimitError
from vitexplain.images import Preprocess

HALF = (0.5, 0.5, 0.5)
PREPROCESS = Preprocess((16, 16), 1.0, "center", "bicubic", HALF, HALF, (8, 8), True)
JOB = ReadJob(PREPROCESS, None, 10**6)


@pytest.fixture
def listed(tmp_path: Path) -> list[Input]:
    """Ten pictures, number 3 broken, number 7 of 13 x 13 pixels."""
    made = []
    for number in range(10):
        path = tmp_path / f"{number}.png"
        size = (13, 13) if number == 7 else (10 + number, 20)
        path.write_bytes(b"no picture" if number == 3 else encoded("PNG", number, size))
        made.append(Input(str(path), path.name))
    return made


def answered(pairs: Iterator[tuple[Input, Read | Unread]]) -> list[Read | Unread]:
    return [answer for _, answer in pairs]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_in_order_with_failures_in_their_place(listed: list[Input], workers: int) -> None:
    answers = answered(pictures(listed, JOB, workers, ahead=4))
    for number, answer in enumerate(answers):
        if number == 3:
            assert isinstance(answer, Unread)
            assert isinstance(answer.error, InputError)
        else:
            assert isinstance(answer, Read)
            assert answer.picture.path == listed[number].path
            assert answer.pixels.shape == (3, 16, 16)
    assert len(answers) == 10


class _Deadly(int):
    """A limit of pixels that ends the process that compares it with 13 x 13: a decoder that crashes."""

    def __lt__(self, other: int) -> bool:
        if other == 169:
            os._exit(11)
        return False


def test_a_worker_that_dies_costs_one_picture(listed: list[Input]) -> None:
    job = ReadJob(PREPROCESS, None, _Deadly(10**6))
    answers = answered(pictures(listed, job, 1, ahead=4))
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Unread)] == [3, 7]
    dead = answers[7]
    assert isinstance(dead, Unread)
    assert "7.png: the process that read it died (exit code 11)" in str(dead.error)


class _DeadlyOnce(int):
    """The same, but a second process lives: the first was killed by someone else."""

    def __new__(cls, limit: int, mark: Path) -> _DeadlyOnce:
        made = super().__new__(cls, limit)
        made.mark = mark
        return made

    mark: Path

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (int(self), self.mark)

    def __lt__(self, other: int) -> bool:
        if other == 169 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def test_a_worker_that_is_killed_costs_nothing(listed: list[Input], tmp_path: Path) -> None:
    job = ReadJob(PREPROCESS, None, _DeadlyOnce(10**6, tmp_path / "killed"))
    answers = answered(pictures(listed, job, 1, ahead=4))
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Unread)] == [3]
    assert (tmp_path / "killed").exists()


def test_what_the_inputs_raise_is_raised_after_those_before(listed: list[Input]) -> None:
    def failing() -> Iterator[Input]:
        yield from listed[:5]
        raise InputError("a.tar: cut short")

    for workers in (0, 2):
        seen = []
        with pytest.raises(InputError, match="cut short"):
            for given, _ in pictures(failing(), JOB, workers, ahead=4):
                seen.append(given)
        assert seen == listed[:5]


class _Awkward(int):
    """A limit of pixels that, for 13 x 13, gives a picture or an error which cannot go from process to process."""

    def __new__(cls, limit: int, way: str) -> _Awkward:
        made = super().__new__(cls, limit)
        made.way = way
        return made

    way: str

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (int(self), self.way)

    def __lt__(self, other: int) -> bool:
        if other != 169:
            return False
        if self.way == "no memory":
            raise MemoryError
        raise {"not pickled": _NotPickledError, "not unpickled": _NotUnpickledError}[self.way](1, 2)


class _NotPickledError(InputError):
    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("cannot pickle this\nat all")


class _NotUnpickledError(InputError):
    def __init__(self, first: int, _second: int) -> None:
        super().__init__(first)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("not pickled", r"it was read but cannot be passed on \(cannot pickle this at all\): .*`workers=0`"),
        ("not unpickled", r"it was read but cannot be passed on \(.*_second.*\): .*`workers=0`"),
        ("no memory", "too large for the memory of this machine"),
    ],
)
def test_what_cannot_be_handed_over_costs_one_picture(listed: list[Input], way: str, words: str) -> None:
    job = ReadJob(PREPROCESS, None, _Awkward(10**6, way))
    answers = answered(pictures(listed, job, 2, ahead=4))
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Unread)] == [3, 7]
    lost = answers[7]
    assert isinstance(lost, Unread)
    assert re.search(rf"7\.png: {words}", str(lost.error))
    assert "\n" not in str(lost.error)


def test_a_picture_without_room_for_its_answer_costs_itself_only(
    listed: list[Input], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of this process ends while it takes the first answer."""
    receive = Connection.recv
    failed: list[object] = []

    def short(connection: Connection) -> object:
        answer = receive(connection)
        if answer is not None and not failed:
            failed.append(answer)
            raise MemoryError
        return answer

    monkeypatch.setattr(Connection, "recv", short)
    answers = answered(pictures(listed, JOB, 1, ahead=2))
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Unread)] == [0, 3]
    lost = answers[0]
    assert isinstance(lost, Unread) and isinstance(lost.error, LimitError)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_missing_folder_entry_is_told(workers: int) -> None:
    answers = answered(pictures([Input("a", "a", problem="a: this folder cannot be read")], JOB, workers, ahead=2))
    assert isinstance(answers[0], Unread)
    assert str(answers[0].error) == "a: this folder cannot be read"


def test_a_defect_of_the_reader_keeps_its_traceback(listed: list[Input]) -> None:
    broken = ReadJob(None, None, 10**6)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="AttributeError"):
        answered(pictures(listed, broken, 1, ahead=2))
    with pytest.raises(AttributeError):
        answered(pictures(listed, broken, 0, ahead=2))


def test_workers_that_do_not_start_are_no_fault_of_the_pictures(
    listed: list[Input], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "serve", os._exit)
    with pytest.raises(RuntimeError, match="did not start"):
        answered(pictures(listed, JOB, 1, ahead=2))


def test_not_more_is_read_than_may_wait(listed: list[Input], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = reading._Worker.ask

    def note(worker: reading._Worker, given: Input) -> object:
        asked.append(given.path)
        return ask(worker, given)

    monkeypatch.setattr(reading._Worker, "ask", note)
    answers = pictures(listed, JOB, 2, ahead=3)
    next(answers)
    _settle()
    assert len(asked) <= 4
    monkeypatch.setattr(reading, "AHEAD_BYTES", 1)
    next(answers)
    next(answers)
    _settle()
    assert len(asked) <= 5
    answers.close()
    assert threading.active_count() <= 3


def _settle() -> None:
    """Give the threads time to read too much."""
    threading.Event().wait(0.3)


def test_workers_stay_without_torch() -> None:
    code = (
        "import sys, vitexplain.batch.worker\n"
        "print([name for name in ('torch', 'timm', 'cv2', 'rich') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
