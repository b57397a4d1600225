"""Judging against an earlier version: python -m tests.benchmarks.evaluate_versions CHECKOUT IMAGE... [--options "..."]

CHECKOUT is the root of another version of this project. Both versions run `evaluate` on the same images with the same
options, in turns, each in a process of its own with one thread, and are measured in seconds of the processor, so that
other work on the machine counts little; starting and loading are part of it. The median of the ratios is printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

OPTIONS = (
    "--metric deletion --metric insertion -m rollout:fusion=gradient,layers=4:12 -m attn-lrp -m relevance -m raw "
    "-m rollout -m flow"
)
"""What is judged without any option."""


def main() -> None:
    """Print one line a turn, and the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--options", default=OPTIONS)
    parser.add_argument("--turns", type=int, default=1)
    options = parser.parse_args()
    here = Path(__file__).parents[2]
    arguments = [*(str(path.resolve()) for path in options.images), *shlex.split(options.options)]
    ratios = []
    for _ in range(options.turns):
        before, after = (_seconds(root.resolve(), arguments) for root in (options.checkout, here))
        ratios.append(after / before)
        print(f"before {before:.1f} s, now {after:.1f} s: {ratios[-1]:.2f} times that", flush=True)
    print(f"median {statistics.median(ratios):.2f}")


def _seconds(root: Path, arguments: list[str]) -> float:
    """Return the seconds of the processor that judging takes with the version at `root`."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "vitexplain", "evaluate", *arguments, "--json"]
    subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime


if __name__ == "__main__":
    main()
