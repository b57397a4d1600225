"""What limits the flow of each patch, by setting: python -m tests.benchmarks.flow_limits

Over the sample images and the built-in model: the shares of patches limited by the source, by their own column of the
lowest layer, and by a cut in between (a patch may be limited by both outer cuts), and the rank correlation (Spearman)
of the flow with the column sums of that layer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from vitexplain.forward_pass import ForwardPass
from vitexplain.images import open_picture, prepare
from vitexplain.methods import parse_spec
from vitexplain.methods.flow import Flow
from vitexplain.models import load_model

SAMPLES = Path(__file__).parents[2] / "sample_images"
SETTINGS = (
    "flow",
    "flow:residual=0.25",
    "flow:residual=0",
    "flow:layers=7:12",
    "flow:discard=0.9",
    "flow:discard=0.97",
    "flow:discard=0.97,layers=7:12",
    "flow:head=0",
    "flow:head=3",
    "flow:fusion=gradient",
)


def main() -> None:
    """Print a Markdown table, one row a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", nargs="*", default=SETTINGS)
    parser.add_argument("--count", type=int, default=13, help="sample images")
    options = parser.parse_args()
    model = load_model()
    paths = [path for path in sorted(SAMPLES.iterdir()) if path.suffix in (".jpg", ".png")][: options.count]
    methods = [parse_spec(text) for text in options.settings]
    rows: dict[str, list[tuple[float, ...]]] = {text: [] for text in options.settings}
    for path in paths:
        pixels, _ = prepare(open_picture(path), model.preprocess)
        fusions = {fusion for method in methods for fusion in method.fusions}
        run = ForwardPass(model, torch.from_numpy(pixels)[None], fusions, ("",), gradients=True)
        for text, method in zip(options.settings, methods, strict=True):
            assert isinstance(method, Flow)
            scores = method(run)
            lowest = method.graph(run, dtype=torch.float64).matrices[0][0]
            columns = lowest.sum(0)[run.grid.prefix :].numpy()
            found = scores.statistics[0]
            limits = [float(found[name] or 0) for name in ("source_limited", "sink_limited", "between")]
            rows[text].append((*limits, float(spearmanr(scores.values[0], columns).statistic)))
    print(
        f"| setting ({len(paths)} images) | source-limited | column-limited | between | rank correlation with columns |"
    )
    print("|---|---|---|---|---|")
    for text, values in rows.items():
        source, sink, between, correlation = np.nanmean(np.array(values), axis=0)
        print(f"| `{text}` | {source:.0%} | {sink:.0%} | {between:.0%} | {correlation:.3f} |", flush=True)


if __name__ == "__main__":
    main()
