"""The check of every sample photograph, as the guide's table: python -m tests.benchmarks.check_samples [-m SPEC]

Prints Markdown: one row a photograph, then those on which the map does no better than random patches, and what the
check cost in forward passes of one picture, both sides in turns by processor time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from vitexplain import explain, load_model
from vitexplain.result import Check, Result, class_name

PICTURES = Path(__file__).parents[2] / "sample_images"


def main() -> None:
    """Print the table and what is to be said of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-m", "--method", action="append", help="a spec; the default where none is given")
    parser.add_argument("--folder", type=Path, default=PICTURES)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model("builtin")
    paths = sorted(path for path in options.folder.iterdir() if path.suffix in (".jpg", ".png"))
    rows, failed, costs = [], [], []
    for path in paths:
        pixels = torch.zeros(1, 3, *model.preprocess.size)
        plain = _seconds(lambda pixels=pixels: model.network(pixels))
        unchecked = _seconds(lambda path=path: explain(model, path, options.method))
        started = time.process_time()
        result = explain(model, path, options.method, check=True)
        costs.append((time.process_time() - started - unchecked) / plain)
        check = result.explanations[0].check
        assert check is not None
        patches = check.patches
        rows.append(_row(path.name, result, check))
        if not check.beats_random:
            failed.append(f"`{path.name}`")
    print(f"{result.explanations[0].spec}: {patches} patches removed, or kept alone\n")
    print("| photograph | % | without | random | alone | random | suffice |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    print(f"\nNo better than random patches: {', '.join(failed) or 'none'}")
    low, *_, high = statistics.quantiles(costs, n=4)
    print(f"Cost: {statistics.median(costs):.0f} plain forward passes a picture (quartiles {low:.0f} to {high:.0f})")


def _row(name: str, result: Result, check: Check) -> str:
    first = result.predictions[0]
    removed, kept = check.removed, check.kept
    cells = (
        f"`{name.partition('.')[0]}`: {class_name(first)}",
        _share(check.whole),
        _share(removed.highest),
        f"{_share(min(removed.random))}-{_share(max(removed.random))}",
        _share(kept.highest),
        f"{_share(min(kept.random))}-{_share(max(kept.random))}",
        f"{len(check.sufficient)}",
    )
    return f"| {' | '.join(cells)} |"


def _share(value: float) -> str:
    return f"{100 * value:.0f}"


def _seconds(run: object) -> float:
    assert callable(run)
    with torch.inference_mode():
        run()
        started = time.process_time()
        run()
    return time.process_time() - started


if __name__ == "__main__":
    main()
