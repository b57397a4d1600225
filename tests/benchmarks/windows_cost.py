"""Time and memory of methods on networks with windows: python -m tests.benchmarks.windows_cost [MODEL ...]

Each method runs in a process of its own, random weights, one picture of noise. Printed are the processor's seconds as a
multiple of the plain forward pass (median of `--rounds`, after one round that warms up), and how far the process's
memory rose above what the plain forward pass took.

`--merging`: how a patch's share by the norms of the linear map that merges differs from 1/4, and how alike the rollouts
by either are.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import gradients_asked, parse_spec
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm

MODELS = ("swin_base_patch4_window7_224", "swin_base_patch4_window12_384")
METHODS = ("rollout", "rollout:fusion=gradient", "attn-lrp", "flow")


def peak_mib() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(name: str, spec: str, rounds: int) -> None:
    """Print one line: what a method costs on a model."""
    torch.manual_seed(0)
    model = wrap_model(import_timm().create_model(name))
    pixels = torch.randn(1, 3, *model.preprocess.size)
    method = parse_spec(spec)

    def plain() -> None:
        with torch.inference_mode():
            model.network(pixels)

    def explained() -> None:
        method(ForwardPass(model, pixels, method.fusions, ("noise",), gradients=gradients_asked([method])))

    plain()
    before = peak_mib()
    ratios, seconds = [], []
    for round_ in range(rounds + 1):
        start = time.process_time()
        plain()
        middle = time.process_time()
        explained()
        if round_ or rounds == 0:
            seconds.append(time.process_time() - middle)
            ratios.append(seconds[-1] / (middle - start))
    print(
        f"{name} {spec}: {statistics.median(seconds):.2f} s, {statistics.median(ratios):.2f} plain passes, "
        f"{peak_mib() - before:,.0f} MiB above the plain pass's {before:,.0f}"
    )


def merging(name: str) -> None:
    """Print how far the shares by norms are from 1/4, and the rank correlation of both rollouts."""
    torch.manual_seed(0)
    model = wrap_model(import_timm().create_model(name))
    pixels = torch.randn(4, 3, *model.preprocess.size)
    method = parse_spec("rollout")
    run = ForwardPass(model, pixels, method.fusions)
    graph = method.graph(run)  # type: ignore[attr-defined]
    entering = run.traced(1).entering
    rows = graph.source.rows(graph.layers[-1].own)
    off = []
    for number, layer in reversed(list(enumerate(graph.layers))):
        if run.between.places[number].call is not None:
            rows = layer.pass_down(rows)
            continue
        part: Any = model.network.module.get_submodule(model.network.blocks[number])
        shares = shares_by_norm(part, entering[number].detach())
        off.append(float((shares - 0.25).abs().mean()))
        high, wide = shares.shape[1:3]
        rows = (rows.view(-1, high, wide, 1) * shares).view(-1, high, wide, 2, 2)
        rows = rows.permute(0, 1, 3, 2, 4).flatten(1)
    alike = [spearman(a, b) for a, b in zip(rows.numpy(), graph.roll_out().numpy(), strict=True)]
    print(f"{name}: shares by norms are {np.mean(off):.4f} from 1/4 on average, rollouts alike {np.mean(alike):.4f}")


def shares_by_norm(part: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Return (B, rows, cols, 4): the norm of what each patch adds to its merged token, as a share of the four."""
    batch, rows, cols, width = tokens.shape
    four = tokens.view(batch, rows // 2, 2, cols // 2, 2, width).permute(0, 1, 3, 4, 2, 5).flatten(3)
    normed = part.norm(four) if part.norm.normalized_shape[0] == 4 * width else four
    # timm lays the four out column by column.
    parts = normed.view(*normed.shape[:3], 2, 2, width).transpose(3, 4).flatten(3, 4)
    weights = part.reduction.weight.view(-1, 2, 2, width).transpose(1, 2).flatten(1, 2)
    norms: torch.Tensor = torch.einsum("bhwkd,okd->bhwko", parts, weights).norm(dim=-1)
    shares: torch.Tensor = norms / norms.sum(-1, keepdim=True)
    return shares


def spearman(one_map: Any, other: Any) -> float:
    """Return the rank correlation of two maps."""
    ranks = np.stack([np.argsort(np.argsort(each)) for each in (one_map, other)])
    return float(np.asarray(np.corrcoef(ranks))[0, 1])


def main() -> None:
    """Run every method on every model in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--method", action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="in this process")
    parser.add_argument("--merging", action="store_true")
    options = parser.parse_args()
    for name in options.models:
        if options.merging:
            merging(name)
            continue
        for spec in options.method or METHODS:
            if options.alone:
                one(name, spec, options.rounds)
                continue
            rounds = 0 if spec.startswith("flow") else options.rounds
            arguments = [name, "--method", spec, "--rounds", str(rounds), "--alone"]
            subprocess.run([sys.executable, "-m", "tests.benchmarks.windows_cost", *arguments], check=False)


if __name__ == "__main__":
    main()
