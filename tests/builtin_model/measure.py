"""Measure the built-in model: `python -m tests.builtin_model.measure DATA.zip` prints top-1 and top-5.

DATA.zip holds `<WordNet id>/<name>.JPEG`; images are stretched to a square of `--size` pixels.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from tests.builtin_model.photo_zip import Photo, PhotoZip, class_of_wordnet_id, normalise, to_unit_pixels
from tests.builtin_model.precision import choose_dtype, computing_in
from vitexplain.errors import UsageError, VitexplainError
from vitexplain.models.builtin.labels import read_labels
from vitexplain.models.builtin.network import PATCH, SIZE, WEIGHTS_FILE, load_network
from vitexplain.models.placement import resolve_device


@dataclass(frozen=True)
class Accuracy:
    """How many of `images` have their class at the first place (`top1`) or among the first five (`top5`)."""

    images: int
    top1: int
    top5: int

    def __str__(self) -> str:
        """Return both shares in percent."""
        return f"top-1 {100 * self.top1 / self.images:.2f}%, top-5 {100 * self.top5 / self.images:.2f}%"


def measure(
    network: torch.nn.Module,
    archive: PhotoZip,
    photos: Sequence[Photo],
    size: int = SIZE,
    batch: int = 32,
    dtype: torch.dtype = torch.float32,
    progress: Callable[[int, Accuracy], None] | None = None,
) -> Accuracy:
    """Return the accuracy of `network` on `photos` of `archive`, stretched to `size` x `size` pixels (bicubic).

    The network is used where it is and as it is (put it into eval mode first). `progress` is called after each batch
    with the number of images done and the accuracy so far.

    Raises InputError for an image that cannot be decoded.
    """
    device = next(network.parameters()).device
    accuracy = Accuracy(0, 0, 0)
    for start in range(0, len(photos), batch):
        chosen = photos[start : start + batch]
        images = [archive.read(photo).resize((size, size), Image.Resampling.BICUBIC) for photo in chosen]
        pixels = normalise(torch.stack([to_unit_pixels(image) for image in images]).to(device))
        with torch.inference_mode(), computing_in(dtype, device):
            logits = network(pixels)
        accuracy = _add(accuracy, logits.float().cpu(), torch.tensor([photo.target for photo in chosen]))
        if progress is not None:
            progress(accuracy.images, accuracy)
    return accuracy


def _add(accuracy: Accuracy, logits: torch.Tensor, targets: torch.Tensor) -> Accuracy:
    """Return `accuracy` with the predictions logits (B, C) for targets (B,) added."""
    hits = logits.topk(min(5, logits.shape[1]), dim=1).indices == targets[:, None]
    return Accuracy(
        accuracy.images + len(targets), accuracy.top1 + int(hits[:, 0].sum()), accuracy.top5 + int(hits.sum())
    )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.builtin_model.measure",
        description="Measure top-1 and top-5 accuracy on labelled images; each is stretched to a square.",
    )
    parser.add_argument("data", type=Path, metavar="DATA.zip", help="images named <WordNet id>/<name>.JPEG")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FILE, help="safetensors file (the built-in weights)")
    parser.add_argument("--size", type=int, default=SIZE, help=f"pixels of a side, a multiple of {PATCH} ({SIZE})")
    parser.add_argument("--limit", type=int, help="so many images, spread evenly over the zip (all)")
    parser.add_argument("--batch", type=int, default=32, help="images at once (32)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (auto)")
    parser.add_argument("--dtype", default="float32", help="float32, bfloat16, or auto: bfloat16 in hardware (float32)")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return parser


def _check(options: argparse.Namespace) -> None:
    if options.size < PATCH or options.size % PATCH:
        raise UsageError(f"--size {options.size} cannot be cut into patches; expected a multiple of {PATCH}")
    for name in ("limit", "batch"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is too small; expected 1 or more")


def _show_progress(done: int, accuracy: Accuracy) -> None:
    if done % 640 == 0:
        print(f"{done} images: {accuracy}", file=sys.stderr, flush=True)


def _run(options: argparse.Namespace) -> None:
    _check(options)
    device = resolve_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    archive = PhotoZip(options.data, class_of_wordnet_id(read_labels()))
    network = load_network(options.weights).to(device)
    started = time.monotonic()
    progress = None if options.quiet else _show_progress
    photos = archive.spread(options.limit)
    accuracy = measure(network, archive, photos, options.size, options.batch, dtype, progress)
    print(accuracy)
    print(
        f"{accuracy.images} images of {len({photo.target for photo in photos})} classes, stretched to "
        f"{options.size} x {options.size}, {str(dtype).removeprefix('torch.')} on {device.type}, "
        f"batch {options.batch}, {time.monotonic() - started:.0f} s"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (the process's own by default); return its exit code."""
    options = _options().parse_args(arguments)
    try:
        _run(options)
    except VitexplainError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
