"""`vitexplain run` against a bare script, whole processes: python -m tests.benchmarks.run_startup

Both load the same weights of vit_small_patch16_224 (random ones, from a file), decode the same picture and predict;
`run` also explains by plain rollout and writes an overlay and a record. They take turns; the median of the ratios is
printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAME = "vit_small_patch16_224"
ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "sample_images" / "koala.jpg"

# Importing timm through our file changes nothing where torchvision works, and lets the script run where it does not.
BARE = """
import sys
from vitexplain.models.timm_import import import_timm
timm = import_timm()
import torch
from PIL import Image
from safetensors.torch import load_file
model = timm.create_model(sys.argv[1])
model.load_state_dict(load_file(sys.argv[2]))
model.eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
with torch.inference_mode():
    logits = model(transform(Image.open(sys.argv[3]).convert("RGB"))[None])
for probability, index in zip(*logits.softmax(-1).topk(5)):
    print(index.tolist(), probability.tolist())
"""


def main() -> None:
    """Print the ratio of the two processes' wall times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    from safetensors.torch import save_file

    from vitexplain.models.timm_import import import_timm

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        save_file(import_timm().create_model(NAME).state_dict(), weights)
        bare = [sys.executable, "-c", BARE, NAME, str(weights), str(PICTURE)]
        run = [sys.executable, "-m", "vitexplain", "run", "--model", NAME, "--weights", str(weights), str(PICTURE)]
        run += ["--method", "rollout", "--out", folder]
        ratios, ours, theirs = [], [], []
        for turn in range(options.rounds + 1):
            theirs.append(_seconds(bare))
            ours.append(_seconds(run))
            if turn:  # the first turn fills the caches of the file system
                ratios.append(ours[-1] / theirs[-1])
    print(f"run {statistics.median(ours):.2f} s, bare script {statistics.median(theirs):.2f} s")
    print(f"median ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, env=environment)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
