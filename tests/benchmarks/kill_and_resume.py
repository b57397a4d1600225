"""Fifty kills over 500 mixed files, each resumed: python -m tests.benchmarks.kill_and_resume --part-size 10

A part of them hits a process that reads pictures, which is replaced, the others the batch itself; without
`--part-size` the records are one growing file. The last run must leave the records and pictures of an undisturbed one.
The runs are forks of a process that has the libraries loaded: starting each anew would take most of the time.
tests/batch/test_resume.py starts them anew.
"""

from __future__ import annotations

import argparse
import importlib
import io
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.batch.folder_state import assert_same, by_path
from tests.batch.killing import kill_after, kill_reader_after
from tests.batch.mixed_files import fill
from tests.tiny_folder import write_tiny_folder


class Fork:
    """`vitexplain ARGUMENTS` in a fork of this process, with what is needed of subprocess.Popen."""

    def __init__(self, errors: Path, *arguments: object) -> None:
        self._errors = errors
        self._code: int | None = None
        errors.touch()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(errors, os.O_WRONLY | os.O_TRUNC), 2)
            sys.argv = ["vitexplain", *map(str, arguments)]
            code = 1
            try:
                importlib.import_module("vitexplain.cli.app").run_app()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            finally:
                os._exit(code)

    @property
    def stderr(self) -> io.BytesIO:
        """What it has said so far."""
        return io.BytesIO(self._errors.read_bytes())

    def poll(self) -> int | None:
        """Return the exit code if it has ended, negative for a signal."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, _timeout: float = 0) -> int:
        """Return the exit code when it ends."""
        while (code := self.poll()) is None:
            time.sleep(0.002)
        return code


def main() -> None:
    """Kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--part-size", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    for name in ("vitexplain.batch.engine", "vitexplain.cli.app", "timm", "cv2"):
        importlib.import_module("vitexplain.models.timm_import").import_timm()
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        # Not here: a process that has used torch's threads must not be forked.
        builder = multiprocessing.get_context("spawn").Process(target=write_tiny_folder, args=(here / "model",))
        builder.start()
        builder.join()
        fill(here / "photos", options.files * 9 // 10, options.files // 10)

        def start(out: str, *more: object) -> Fork:
            given = ("--model", here / "model", "--workers", options.workers, "--threads", 1, "-q", *more)
            given += ("--part-size", options.part_size) if options.part_size else ()
            return Fork(here / "stderr", "batch", here / "photos", "-o", here / out, *given)

        assert start("undisturbed").wait() == 1
        kills, readers, restarts, most = 0, 0, 0, max(2, 3 * options.files // options.kills // 2)
        while kills < options.kills:
            run = start("out")
            if options.workers and rng.random() < 0.5 and kill_reader_after(run, here / "out", rng, most):
                kills, readers = kills + 1, readers + 1
            code = kill_after(run, here / "out", rng, most)
            kills += code is None
            if code is not None:  # it was done before it could be killed
                restarts += 1
                shutil.rmtree(here / "out")
            print(f"  {kills} kills", end="\r", flush=True)
        assert start("out").wait() == 1
        assert_same(here / "out", here / "undisturbed")
        print(
            f"{kills} kills, {readers} of them of reading processes, over {len(by_path(here / 'out'))} files "
            f"({restarts} times begun anew): records and pictures as if undisturbed"
        )


if __name__ == "__main__":
    main()
