"""Fifty kills over 500 mixed files, each gone on with: python -m tests.benchmarks.kill_and_resume

The last run must leave the records and pictures of an undisturbed one. Every start takes seconds, so this is no test
of the suite; tests/batch/test_resume.py does the same with two kills.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from tests.batch.folder_state import assert_same, by_path
from tests.batch.killing import kill_after, start
from tests.batch.mixed_files import fill
from tests.tiny_folder import write_tiny_folder


def main() -> None:
    """Kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        model = write_tiny_folder(here / "model")
        fill(here / "photos", options.files * 9 // 10, options.files // 10)
        given = ("--workers", "1")
        undisturbed = start(here / "photos", here / "undisturbed", model, *given)
        _, said = undisturbed.communicate()
        assert undisturbed.returncode == 1, said
        out = here / "out"
        kills = 0
        while kills < options.kills:
            most = max(2, 2 * options.files // options.kills)
            code = kill_after(start(here / "photos", out, model, *given), out, rng, most)
            kills += code is None
            done = (out / "records.jsonl").read_bytes().count(b"\n") if (out / "records.jsonl").exists() else 0
            print(f"  {kills} kills, {done} records", flush=True)
            if code is not None:
                # It had ended before it could be killed: once more from the beginning, into the same folder.
                process = start(here / "photos", out, model, "--restart", *given)
                kills += kill_after(process, out, rng, most) is None
        last = start(here / "photos", out, model, *given)
        _, said = last.communicate()
        assert last.returncode == 1, said
        assert_same(out, here / "undisturbed")
        print(f"{kills} kills over {len(by_path(out))} files: records and pictures as if undisturbed")


if __name__ == "__main__":
    main()
