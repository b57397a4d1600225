"""Fine-tune a ViT on labelled images: `python -m tests.builtin_model.train DATA.zip --init X --minutes M`.

DATA.zip holds `<WordNet id>/<name>.JPEG`; X is a safetensors file of the built-in architecture or a timm name. The
run writes `checkpoint.pt` (to resume from) and `weights.safetensors` (averaged, float16) into the folder `--out`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tests.builtin_model.photo_zip import PhotoZip, class_of_wordnet_id
from tests.builtin_model.precision import choose_dtype
from tests.builtin_model.training.batches import batches_from
from tests.builtin_model.training.checkpoint import (
    CHECKPOINT_NAME,
    WEIGHTS_NAME,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from tests.builtin_model.training.classifier_start import start_classifier
from tests.builtin_model.training.recipe import Length, Recipe
from tests.builtin_model.training.start import make_start, measuring_side
from tests.builtin_model.training.trainer import Trainer
from vitexplain.errors import OutputError, VitexplainError
from vitexplain.models.builtin.labels import read_labels
from vitexplain.models.placement import resolve_device


def train(
    trainer: Trainer,
    archive: PhotoZip,
    save: Callable[[], None],
    save_seconds: float = 300.0,
    stop: Callable[[], bool] = lambda: False,
) -> list[float]:
    """Train until the run has its length or `stop` returns true between two steps; return the loss of each step.

    `save` is called every `save_seconds` and at the end.

    Raises InputError for an image that cannot be decoded, UsageError if the loss is no longer finite.
    """
    losses: list[float] = []
    saved = shown = before = time.monotonic()
    batches = batches_from(archive, trainer.step, trainer.patch, trainer.recipe)
    try:
        while not trainer.finished and not stop():
            losses.append(trainer.learn(next(batches)))
            now = time.monotonic()
            trainer.seconds += now - before
            before = now
            if now - shown >= 10.0:
                _show(trainer, losses)
                shown = now
            if now - saved >= save_seconds:
                save()
                saved = now
    finally:
        batches.close()
    save()
    _show(trainer, losses)
    return losses


def _show(trainer: Trainer, losses: list[float]) -> None:
    recent = losses[-50:]
    if recent:
        images = trainer.step * trainer.recipe.batch
        print(
            f"step {trainer.step}, loss {sum(recent) / len(recent):.3f} over {len(recent)} steps, "
            f"{images / max(trainer.seconds, 1e-9):.0f} images/s",
            file=sys.stderr,
            flush=True,
        )


class _Signals:
    """Within its context the first SIGINT or SIGTERM is remembered, so that the step in progress is done and saved."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Signals:
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        # A second one ends the process at once.
        signal.signal(number, signal.SIG_DFL)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.builtin_model.train",
        description="Fine-tune a plain ViT for the 200 classes of the built-in model.",
    )
    add = parser.add_argument
    add("data", type=Path, metavar="DATA.zip", help="images named <WordNet id>/<name>.JPEG")
    add("--init", required=True, metavar="WEIGHTS|TIMM_NAME", help="a .safetensors file, or a timm model's name")
    add("--random-start", action="store_true", help="all weights random, nothing is fetched or read")
    add("--minutes", type=float, help="length of the run in minutes of training")
    add("--steps", type=int, help="length of the run in steps instead: reproducible on the CPU")
    add("--stop-after", type=int, metavar="STEP", help="save and end after this step, as an interruption would")
    add("--out", type=Path, default=Path("training"), metavar="DIR", help="folder to write to (training)")
    add("--resume", action="store_true", help="go on from the checkpoint in --out, with the same options")
    add("--save-minutes", type=float, default=5.0, help="time between two checkpoints (5)")
    add("--classifier-images", type=int, default=20_000, help="images that start a new classifier; 0: random (20000)")
    add("--batch", type=int, default=Recipe.batch, help=f"images a step ({Recipe.batch})")
    add("--rate", type=float, default=Recipe.rate, help=f"peak learning rate ({Recipe.rate})")
    add("--seed", type=int, default=Recipe.seed, help=f"of everything random ({Recipe.seed})")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (auto)")
    add("--dtype", default="auto", help="float32, bfloat16, or auto: bfloat16 where it is in hardware (auto)")
    return parser


def _run(options: argparse.Namespace) -> int | None:
    """Do what the command says; return the signal that ended the training early, None if none did."""
    recipe = Recipe(seed=options.seed, batch=options.batch, rate=options.rate)
    length = Length(options.minutes, options.steps)
    path = options.out / CHECKPOINT_NAME
    if path.exists() and not options.resume:
        raise OutputError(f"{path} is the checkpoint of an earlier run; give --resume to go on, or another --out")
    device = resolve_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    archive = PhotoZip(options.data, class_of_wordnet_id(read_labels()))
    settings: dict[str, object] = {
        **recipe.as_plain(),
        **{name: getattr(options, name) for name in ("init", "random_start", "minutes", "steps", "classifier_images")},
        "dtype": str(dtype),
        "images": len(archive),
    }
    checkpoint = load_checkpoint(path, settings) if options.resume else None
    start = make_start(options.init, recipe, pretrained=not options.random_start and checkpoint is None)
    start.network.to(device)
    if checkpoint is None and start.new_classifier and options.classifier_images > 0:
        loss = start_classifier(start.network, archive, options.classifier_images, measuring_side(start), dtype)
        print(f"new classifier by ridge regression, cross entropy {loss:.3f}", file=sys.stderr)
    trainer = Trainer(start, recipe, length, dtype)
    if checkpoint is not None:
        trainer.restore(checkpoint)

    def save() -> None:
        save_checkpoint(trainer.checkpoint(settings), path)
        save_weights(trainer.averaged, options.out / WEIGHTS_NAME)

    if checkpoint is None:
        # A folder that cannot be written shows now, not after the first five minutes.
        save_checkpoint(trainer.checkpoint(settings), path)
    with _Signals() as signals:

        def stop() -> bool:
            enough = options.stop_after is not None and trainer.step >= options.stop_after
            return enough or signals.received is not None

        train(trainer, archive, save, 60.0 * options.save_minutes, stop)
    print(f"{options.out / WEIGHTS_NAME} after {trainer.step} steps, {trainer.seconds / 60:.1f} minutes")
    return signals.received


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (the process's own by default); return its exit code."""
    options = _options().parse_args(arguments)
    try:
        received = _run(options)
    except VitexplainError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # before the first step
        received = signal.SIGINT
    return 0 if received is None else 128 + received


if __name__ == "__main__":
    sys.exit(main())
