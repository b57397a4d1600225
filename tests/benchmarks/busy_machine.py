"""Processor time of the forward pass where other work is on the cores: python -m tests.benchmarks.busy_machine

For each way of waiting (OpenMP's own, which spins, and the passive one that the command line sets) and for one thread
and one a core, a process of its own runs the built-in model, alone and beside one busy loop a core. They take turns;
medians are printed, and processor time as a share of that of one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[2]

CHILD = """
import json, os, sys, time
policy, threads, passes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "GOMP_SPINCOUNT"):
    os.environ.pop(name, None)
if policy == "passive":
    from vitexplain.cli.processors import wait_passively
    wait_passively()
import torch
from vitexplain.models import load_model
torch.set_num_threads(threads)
model = load_model("builtin")
pixels = torch.randn(8, 3, *model.preprocess.size)
with torch.inference_mode():
    model.network(pixels)
    start, used = time.perf_counter(), time.process_time()
    for _ in range(passes):
        model.network(pixels)
print(json.dumps([(time.perf_counter() - start) / passes, (time.process_time() - used) / passes]))
"""


def main() -> None:
    """Print one line a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--busy", type=int, nargs="*", help="numbers of busy loops beside it (0, and one a core)")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    settings = [("default", 1), ("default", cores), ("passive", cores)]
    for busy in (0, cores) if options.busy is None else options.busy:
        found: dict[tuple[str, int], list[list[float]]] = {setting: [] for setting in settings}
        with ExitStack() as stack:
            for _ in range(busy):
                loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
                stack.callback(loop.kill)
            for _ in range(options.rounds):
                for policy, threads in settings:
                    given = [sys.executable, "-c", CHILD, policy, str(threads), str(options.passes)]
                    ended = subprocess.run(given, check=True, capture_output=True, text=True, cwd=ROOT)
                    found[policy, threads].append(json.loads(ended.stdout))
        print(f"{busy} busy loops, {cores} cores, load {os.getloadavg()[0]:.1f}")
        alone = statistics.median(used for _, used in found["default", 1])
        for (policy, threads), rows in found.items():
            wall, used = (statistics.median(column) for column in zip(*rows, strict=True))
            print(
                f"  {threads} threads, {policy}: {wall:.2f} s a batch of 8, {used:.2f} s of processor time, "
                f"{used / alone:.2f} of one thread's",
                flush=True,
            )


if __name__ == "__main__":
    main()
