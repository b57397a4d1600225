"""Images/s of rollout as a share of the plain forward pass: python -m tests.benchmarks.rollout_throughput

Plain and explained passes take turns in one process; what is printed is the median of their ratios.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods.rollout import Rollout
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm


def main() -> None:
    """Print one line a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["vit_base_patch16_224", "vit_small_patch16_224"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {options.batch}")
    for name in options.models:
        model = wrap_model(import_timm().create_model(name))
        pixels = torch.randn(options.batch, 3, *model.preprocess.size)
        method = Rollout()
        ratios = []
        for _ in range(options.rounds + 1):
            start = time.perf_counter()
            with torch.inference_mode():
                model.network(pixels)
            plain = time.perf_counter() - start
            start = time.perf_counter()
            method(ForwardPass(model, pixels, method.fusions))
            ratios.append(plain / (time.perf_counter() - start))
        ratios = ratios[1:]
        low, *_, high = statistics.quantiles(ratios, n=4)
        print(f"{name}: {statistics.median(ratios):.1%} of the plain images/s (quartiles {low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()
