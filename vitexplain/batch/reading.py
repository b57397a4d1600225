"""Pictures read ahead of the model by worker processes, handed over in the order of the inputs."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import traceback
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from vitexplain.batch.inputs import Input
from vitexplain.batch.worker import Bug, Read, ReadJob, Unread, not_handed_over, read, serve
from vitexplain.errors import InputError
from vitexplain.images.files import shown

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

AHEAD_BYTES = 2**28
"""At most this many bytes of pictures wait, read but not yet explained; a single larger one still passes."""


_TRIES = 2
"""A picture over which two processes die is at fault itself; a process may also be killed by someone else."""

_NOT_STARTED = "a process that reads pictures did not start (see its error above)"


def pictures(
    inputs: Iterable[Input], job: ReadJob, workers: int, ahead: int
) -> Generator[tuple[Input, Read | Unread], None, None]:
    """Yield every input with what was read of it, in their order; at most `ahead` are read before they are needed.

    With `workers` 0 this process reads them itself. A worker that dies over a picture (a decoder that crashes), or
    cannot hand it over, costs that picture only. `inputs` may be iterated over in other threads, one at a time; what it
    raises is raised here. Close the iterator to end the workers.
    """
    if workers < 1:
        for listed in inputs:
            yield listed, _problem(listed) or read(listed, job)
        return
    reader = _Reader(inputs, job, workers, ahead)
    try:
        yield from iter(reader.take, None)
    finally:
        reader.stop()


class _Reader:
    """One thread for each worker process: it asks for the next picture, and keeps the answer until it is taken."""

    def __init__(self, inputs: Iterable[Input], job: ReadJob, workers: int, ahead: int) -> None:
        self._inputs, self._job, self._ahead = iter(inputs), job, ahead
        # One thread at a time takes the next input, which may have to be listed first; answers are taken meanwhile.
        self._listing = threading.Lock()
        self._changed = threading.Condition()
        self._next, self._wanted, self._bytes = 0, -1, 0
        self._end: int | None = None
        self._fault: BaseException | None = None
        self._answers: dict[int, tuple[Input, Read | Unread | Bug]] = {}
        self._stopping = False
        self._workers: list[_Worker] = [_Worker(job) for _ in range(workers)]
        for worker in self._workers:
            threading.Thread(target=self._feed, args=(worker,), daemon=True).start()

    def take(self) -> tuple[Input, Read | Unread] | None:
        """Return the next input and its answer, waiting for it; None after the last."""
        with self._changed:
            self._wanted += 1
            self._changed.notify_all()
            while self._wanted not in self._answers:
                if self._wanted == self._end:
                    if self._fault is not None:
                        raise self._fault
                    return None
                self._changed.wait()
            given, answer = self._answers.pop(self._wanted)
            self._bytes -= size_of(answer)
            self._changed.notify_all()
        if isinstance(answer, Bug):
            raise RuntimeError(f"reading {given.path!r} failed in a worker:\n{answer.traceback}")
        return given, answer

    def stop(self) -> None:
        """End the workers, also in the middle of a picture."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.end()

    def _feed(self, worker: _Worker) -> None:
        while (claimed := self._claim()) is not None:
            index, listed = claimed
            try:
                answer = _problem(listed) or worker.ask(listed)
            except Exception:  # raised where the answer is taken, which would wait for a dead thread
                answer = Bug(traceback.format_exc())
            with self._changed:
                if self._stopping:
                    return
                self._answers[index] = listed, answer
                self._bytes += size_of(answer)
                self._changed.notify_all()

    def _claim(self) -> tuple[int, Input] | None:
        """Return the next input to read as soon as there is room for it; None when there is nothing more to do."""
        with self._listing:
            if not self._has_room():
                return None
            try:
                listed = next(self._inputs, None)
            except BaseException as error:  # raised where the answer is taken
                listed, self._fault = None, error
            with self._changed:
                if listed is None:
                    self._end = self._next
                    self._changed.notify_all()
                    return None
                self._next += 1
                return self._next - 1, listed

    def _has_room(self) -> bool:
        """Wait until one more picture may be read; False: no more are wanted."""
        with self._changed:
            while not self._stopping and self._end is None:
                room = self._next - max(0, self._wanted) < self._ahead and self._bytes < AHEAD_BYTES
                if room or self._next <= self._wanted:
                    return True
                self._changed.wait()
        return False


class _Worker:
    """A process that reads pictures, started with the first; a new one takes its place when it dies."""

    def __init__(self, job: ReadJob) -> None:
        self._job = job
        self._ended, self._ready = False, False
        self._process: BaseProcess | None = None
        self._connection: Connection
        self._lock = threading.Lock()

    def ask(self, given: Input) -> Read | Unread | Bug:
        """Return what the process makes of the picture; one that dies over it is replaced, and asked once more."""
        died = ""
        for _ in range(_TRIES):
            self._await_start()
            try:
                self._connection.send(given)
                answer = self._connection.recv()
            except (EOFError, OSError):
                died = self._replace()
                continue
            except Exception as error:  # it cannot be unpickled, or is too large for the memory
                self._replace(kill=True)  # it may be in the middle of an answer
                return Unread(not_handed_over(given.path, error))
            assert isinstance(answer, Read | Unread | Bug)
            return answer
        return Unread(InputError(f"{shown(given.path)}: {died}: check the file, or leave it out"))

    def _await_start(self) -> None:
        """Wait until the process is ready, so that no picture is blamed if it dies at the start."""
        for _ in range(_TRIES):
            with self._lock:
                if self._process is None and not self._ended:
                    self._start()
            if self._ready or self._ended:
                return
            try:
                self._connection.recv()
                self._ready = True
            except (EOFError, OSError):
                self._replace()
        if not self._ended:
            raise RuntimeError(_NOT_STARTED)

    def end(self) -> None:
        """End the process now."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
                self._process.join()

    def _replace(self, *, kill: bool = False) -> str:
        """Start another process, and return how the dead one ended."""
        with self._lock:
            if self._process is None:  # ended before it was started
                return ""
            if kill:
                self._process.kill()
            self._process.join()
            code = self._process.exitcode
            self._connection.close()
            if not self._ended:
                self._start()
        return f"the process that read it died (exit code {code})"

    def _start(self) -> None:
        self._ready = False
        context = multiprocessing.get_context("spawn")
        for _ in range(_TRIES):
            ours, theirs = context.Pipe()
            self._connection = ours
            self._process = context.Process(target=serve, args=(theirs, self._job), daemon=True)
            # The process inherits that Ctrl-C, which is for the one that asks, does not reach it, even at its start.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                self._process.start()
            except BrokenPipeError:  # it died before it was told what to do
                continue
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                theirs.close()
            return
        self._process = None
        raise RuntimeError(_NOT_STARTED)


def size_of(answer: Read | Unread | Bug) -> int:
    """Return the bytes that an answer holds in memory: 4 per pixel in Pillow, 12 per pixel of the model's input."""
    if not isinstance(answer, Read):
        return 0
    return 4 * answer.picture.width * answer.picture.height + answer.pixels.nbytes


def _problem(listed: Input) -> Unread | None:
    return None if listed.problem is None else Unread(InputError(listed.problem))
