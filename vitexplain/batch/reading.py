"""Pictures read ahead of the model by worker processes, handed over in the order of the inputs."""

from __future__ import annotations

import multiprocessing
import signal
import threading
import traceback
from collections.abc import Generator, Sequence
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


def pictures(inputs: Sequence[Input], job: ReadJob, workers: int, ahead: int) -> Generator[Read | Unread, None, None]:
    """Yield what was read of each input, in their order; at most `ahead` are read before they are needed.

    With `workers` 0 this process reads them itself. A worker that dies over a picture (a decoder that crashes), or
    cannot hand it over, costs that picture only. Close the iterator to end the workers.
    """
    if workers < 1:
        for listed in inputs:
            yield _problem(listed) or read(listed, job)
        return
    reader = _Reader(inputs, job, min(workers, len(inputs)), ahead)
    try:
        for index in range(len(inputs)):
            yield reader.take(index)
    finally:
        reader.stop()


class _Reader:
    """One thread for each worker process: it asks for the next picture, and keeps the answer until it is taken."""

    def __init__(self, inputs: Sequence[Input], job: ReadJob, workers: int, ahead: int) -> None:
        self._inputs, self._job, self._ahead = inputs, job, ahead
        self._changed = threading.Condition()
        self._next, self._wanted, self._bytes = 0, 0, 0
        self._answers: dict[int, Read | Unread | Bug] = {}
        self._stopping = False
        self._workers: list[_Worker] = [_Worker(job) for _ in range(workers)]
        for worker in self._workers:
            threading.Thread(target=self._feed, args=(worker,), daemon=True).start()

    def take(self, index: int) -> Read | Unread:
        """Return the answer for input `index`, waiting for it."""
        with self._changed:
            self._wanted = index
            self._changed.notify_all()
            while index not in self._answers:
                self._changed.wait()
            answer = self._answers.pop(index)
            self._bytes -= size_of(answer)
            self._changed.notify_all()
        if isinstance(answer, Bug):
            raise RuntimeError(f"reading {self._inputs[index].path!r} failed in a worker:\n{answer.traceback}")
        return answer

    def stop(self) -> None:
        """End the workers, also in the middle of a picture."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.end()

    def _feed(self, worker: _Worker) -> None:
        while (index := self._claim()) is not None:
            listed = self._inputs[index]
            try:
                answer = _problem(listed) or worker.ask(listed)
            except Exception:  # raised where the answer is taken, which would wait for a dead thread
                answer = Bug(traceback.format_exc())
            with self._changed:
                if self._stopping:
                    return
                self._answers[index] = answer
                self._bytes += size_of(answer)
                self._changed.notify_all()

    def _claim(self) -> int | None:
        """Return the next input to read as soon as there is room for it; None when there is nothing more to do."""
        with self._changed:
            while not self._stopping and self._next < len(self._inputs):
                room = self._next - self._wanted < self._ahead and self._bytes < AHEAD_BYTES
                if room or self._next <= self._wanted:
                    self._next += 1
                    return self._next - 1
                self._changed.wait()
        return None


class _Worker:
    """A process that reads pictures; a new one takes its place when it dies."""

    def __init__(self, job: ReadJob) -> None:
        self._job = job
        self._ended, self._ready = False, False
        self._lock = threading.Lock()
        self._start()

    def ask(self, given: Input) -> Read | Unread | Bug:
        """Return what the process makes of the picture."""
        self._await_start()
        try:
            self._connection.send(given)
            answer = self._connection.recv()
        except (EOFError, OSError):
            return Unread(InputError(f"{shown(given.path)}: {self._replace()}: check the file, or leave it out"))
        except Exception as error:  # it cannot be unpickled, or is too large for the memory
            self._process.kill()  # it may be in the middle of an answer
            self._replace()
            return Unread(not_handed_over(given.path, error))
        assert isinstance(answer, Read | Unread | Bug)
        return answer

    def _await_start(self) -> None:
        """Wait until the process is ready, so that no picture is blamed if it dies at the start."""
        if not self._ready:
            try:
                self._connection.recv()
            except (EOFError, OSError):
                if not self._ended:
                    raise RuntimeError("a process that reads pictures did not start (see its error above)") from None
            self._ready = True

    def end(self) -> None:
        """End the process now."""
        with self._lock:
            self._ended = True
            self._process.kill()
            self._process.join()

    def _replace(self) -> str:
        """Start another process, and return how the dead one ended."""
        with self._lock:
            self._process.join()
            code = self._process.exitcode
            self._connection.close()
            if not self._ended:
                self._start()
        return f"the process that read it died (exit code {code})"

    def _start(self) -> None:
        self._ready = False
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._connection: Connection = ours
        self._process: BaseProcess = context.Process(target=serve, args=(theirs, self._job), daemon=True)
        # The process inherits that Ctrl-C, which is for the one that asks, does not reach it, not even at its start.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()


def size_of(answer: Read | Unread | Bug) -> int:
    """Return the bytes that an answer holds in memory: 4 per pixel in Pillow, 12 per pixel of the model's input."""
    if not isinstance(answer, Read):
        return 0
    return 4 * answer.picture.width * answer.picture.height + answer.pixels.nbytes


def _problem(listed: Input) -> Unread | None:
    return None if listed.problem is None else Unread(InputError(listed.problem))
