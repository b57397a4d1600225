"""Judging an image against its forward and backward passes alone: python -m tests.benchmarks.evaluate_cost IMAGE...

raw, rollout and flow by layer with both references, against plain batched inference of the 1 + P images that blank-out
needs, one more forward pass and one backward pass. Both take turns in one process, with one thread, and are measured in
seconds of the processor, so that other work on the machine counts little; the median of the ratios is printed.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from vitexplain.evaluation import Question, list_images
from vitexplain.evaluation.inputs import look
from vitexplain.evaluation.measuring import measure, missing
from vitexplain.methods import parse_methods
from vitexplain.methods.fills import CHUNK
from vitexplain.models import LoadedModel, load_model


def main() -> None:
    """Print one line an image, and the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="+")
    parser.add_argument("--model", default="builtin")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(options.model)
    question = Question(
        parse_methods(("raw", "rollout", "flow")), parse_methods(("blank-out", "input-gradient")), target="0"
    )
    ratios = []
    for given in list_images(options.images, None):
        pixels = look(given.read(), given.path, model, question).pixels
        start = time.process_time()
        _passes_alone(model, pixels)
        alone = time.process_time() - start
        start = time.process_time()
        measure(model, pixels, "image", missing({}, question.scored), question.targets(model))
        ratios.append((time.process_time() - start) / alone)
        print(f"{given.path}: passes alone {alone:.1f} s, evaluate {ratios[-1]:.2f} times that", flush=True)
    print(f"median {statistics.median(ratios):.2f}")


def _passes_alone(model: LoadedModel, pixels: torch.Tensor) -> None:
    """Run what any implementation has to run."""
    variants = 1 + model.network.levels(pixels.size(-2), pixels.size(-1))[0].patches
    with torch.inference_mode():
        for start in range(0, variants, CHUNK):
            model.network(pixels.repeat(min(CHUNK, variants - start), 1, 1, 1))
    given = pixels.clone().requires_grad_()
    torch.autograd.grad(model.network(given)[0, 0], given)


if __name__ == "__main__":
    main()
