"""What class-specific methods cost, in plain forward passes: python -m tests.benchmarks.class_methods_cost

Plain and explained passes take turns in one process; what is printed is the median of their ratios in processor time,
which other programs disturb less than the clock. For blank-out it is the share of the images/s of plain inference in
batches of the same size.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import torch

from vitexplain.attention import Fusion
from vitexplain.cli.allocation import keep_freed_memory
from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import Method, gradients_asked, parse_spec
from vitexplain.methods.fills import CHUNK, FILLS, outputs_without
from vitexplain.models import load_model

TOGETHER = ("relevance", "legrad", "rollout:fusion=gradient")
SUMMED, UPPER = "attn-lrp:layers=1:12", "rollout:fusion=gradient,layers=4:12"
SETS: tuple[tuple[str, ...], ...] = (
    (UPPER,),
    *((spec,) for spec in TOGETHER),
    TOGETHER,
    ("attn-lrp",),
    (SUMMED,),
    ("libra",),
    (f"mean:{SUMMED}+{UPPER}",),
    ("input-gradient",),
)


def ratios(plain: Callable[[], object], other: Callable[[], object], rounds: int) -> list[float]:
    """Return the time of `other` over that of `plain`, measured in turns, the first turn left out."""
    found = []
    for _ in range(rounds + 1):
        start = time.process_time()
        plain()
        between = time.process_time()
        other()
        found.append((time.process_time() - between) / (between - start))
    return found[1:]


def shown(found: Sequence[float], form: str) -> str:
    """Return the median and the quartiles as text."""
    low, middle, high = statistics.quantiles(found, n=4)
    return f"{middle:{form}} (quartiles {low:{form}} to {high:{form}})"


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as the command does
    model = load_model(options.model)
    pixels = torch.randn(options.batch, 3, *model.preprocess.size)
    print(f"{model.name}, torch {torch.__version__}, {torch.get_num_threads()} threads, batch {options.batch}")

    def plain(images: torch.Tensor = pixels) -> None:
        with torch.inference_mode():
            model.network(images)

    for specs in SETS:
        methods = [parse_spec(spec) for spec in specs]
        fusions = [fusion for method in methods for fusion in method.fusions]

        def explained(methods: Sequence[Method] = methods, fusions: Sequence[Fusion] = fusions) -> None:
            run = ForwardPass(model, pixels, fusions, gradients=gradients_asked(methods))
            _ = run.output  # the predictions, which come first
            for method in methods:
                method(run)

        print(f"{' + '.join(specs)}: {shown(ratios(plain, explained, options.rounds), '.2f')} plain forward passes")
    run = ForwardPass(model, pixels)
    removed = torch.eye(run.grid.patches, dtype=torch.bool)[: 2 * CHUNK]
    images = pixels[:1].repeat(CHUNK, 1, 1, 1)
    for fill in FILLS:

        def twice() -> None:
            plain(images)
            plain(images)

        def blanked(fill: str = fill) -> None:
            outputs_without(run, 0, removed, fill)  # type: ignore[arg-type]

        speed = [1 / ratio for ratio in ratios(twice, blanked, options.rounds)]
        print(f"blank-out:fill={fill}: {shown(speed, '.1%')} of the plain images/s in batches of {CHUNK}")


if __name__ == "__main__":
    main()
