"""Memory estimated before a run against what it took: python -m tests.benchmarks.memory_estimate

Random weights, each method in a process of its own; printed are the rows of the guide's table: the estimate beside the
weights, and how far the peak of the process's memory rose over the forward pass, the backward pass and the method.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from vitexplain.forward_pass import ForwardPass
from vitexplain.methods import gradients_asked, parse_spec
from vitexplain.models import wrap_model
from vitexplain.models.timm_import import import_timm
from vitexplain.pipeline.memory import memory_needed

CASES = (
    ("vit_base_patch16_224", 8, "rollout"),
    ("vit_base_patch16_224", 8, "rollout:fusion=gradient"),
    ("vit_base_patch16_224", 8, "attn-lrp"),
    ("vit_base_patch16_384", 1, "attn-lrp"),
    ("vit_small_patch14_dinov2", 1, "rollout"),
    ("deit3_large_patch16_224", 2, "relevance"),
    ("swin_base_patch4_window7_224", 4, "rollout"),
    ("swin_base_patch4_window7_224", 4, "attn-lrp"),
    ("pvt_v2_b2", 4, "attn-lrp"),
    ("levit_256", 8, "rollout:fusion=gradient"),
)


def measured(name: str, batch: int, spec: str) -> tuple[float, float]:
    """Return the estimate and the rise of the peak, in MiB, from a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.memory_estimate", name, str(batch), spec]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    estimate, rise = json.loads(done.stdout)
    return estimate / 2**20, rise / 2**20


def one(name: str, batch: int, spec: str) -> tuple[int, int]:
    """Return the estimate and the rise of this process's peak, in bytes."""
    torch.manual_seed(0)
    model, methods = wrap_model(import_timm().create_model(name)), [parse_spec(spec)]
    shape = (batch, 3, *model.preprocess.size)
    estimate = memory_needed(model, methods, shape)
    assert estimate is not None
    pixels = torch.randn(shape)
    before = peak()
    keys = ("noise",) * batch
    methods[0](ForwardPass(model, pixels, methods[0].fusions, keys, gradients=gradients_asked(methods)))
    return estimate, peak() - before


def peak() -> int:
    """Return the most bytes that this process has held; a child's ru_maxrss would begin at its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    """Print the table's rows."""
    if len(sys.argv) > 1:
        name, batch, spec = sys.argv[1:]
        print(json.dumps(one(name, int(batch), spec)))
        return
    for case in CASES:
        estimate, rise = measured(*case)
        print(
            f"| `{case[0]}`, {case[1]}, `{case[2]}` | {estimate:,.0f} | {rise:,.0f} | {estimate / rise:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
