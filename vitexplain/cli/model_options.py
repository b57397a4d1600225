"""The options of the model, and the model that they load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from vitexplain.cli.groups import MODEL, Group, option
from vitexplain.cli.terminal_options import TerminalOptions

if TYPE_CHECKING:
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request

BUILTIN_NOTICE = "built-in model: 200 ImageNet classes; for all 1,000 use --model vit_base_patch16_224"


@dataclass(frozen=True)
class ModelOptions(Group):
    """Which model, with which weights and names of classes, on what device."""

    panel: ClassVar[str] = MODEL
    model: str | None = option(
        None,
        "'builtin', a name of timm's or torchvision's (see 'vitexplain models'), a folder that timm or transformers "
        "wrote, or its name on the hub; clip:FOLDER or clip:NAME for --prompt.",
        env=True,
        shown="builtin",
        metavar="NAME",
    )
    weights: Path | None = option(
        None,
        "Your own weights for --model: a .safetensors file, or .pth, .pt, .bin, .ckpt, .tar without code inside.",
        env=True,
        metavar="FILE",
    )
    labels: Path | None = option(
        None,
        "Class names: a text file with one a line, a JSON list or object, or a table index-tab-id-tab-names.",
        env=True,
        metavar="FILE",
    )
    prompt: list[str] = option(
        [],
        "A class in words, 'a koala', for a --model of pictures and texts (CLIP, SigLIP): give it once for each class.",
        metavar="TEXT",
    )
    templates: str | None = option(
        None,
        "Sentences that each prompt is put into, whose mean stands for it: 'simple' (seven of CLIP's), a file with one "
        "a line, or one sentence, 'a photo of a {}.'",
        metavar="WORD|FILE|TEXT",
        expert=True,
    )
    num_classes: int | None = option(None, "Number of classes, where it cannot be told.", low=0, expert=True)
    activation: str = option(
        "auto",
        "What makes probabilities of the outputs: softmax (one class of several), sigmoid (each alone: multi-label, "
        "or one output of two sides) or none (values). auto: what the model's configuration says, else softmax, and "
        "none for one output.",
        env=True,
        metavar="WORD",
        expert=True,
    )
    image_size: str | None = option(
        None,
        "Pixels of the pictures that the model is given: 384, or 384x512 (height x width); by default those that it "
        "was trained with.",
        env=True,
        metavar="N|HxW",
        expert=True,
    )
    mean: str | None = option(
        None,
        "Mean of red, green and blue, from 0 to 1, as in training: 0.5,0.5,0.5.",
        env=True,
        metavar="R,G,B",
        expert=True,
    )
    std: str | None = option(
        None, "Standard deviation of red, green and blue, as in training.", env=True, metavar="R,G,B", expert=True
    )
    pool: str | None = option(
        None,
        "What the classifier reads: avg (the mean of the patches) or token (the class token).",
        env=True,
        metavar="avg|token",
        expert=True,
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1 or mps.", env=True, metavar="NAME")
    dtype: str = option(
        "float32",
        "float32, bfloat16 or float16; scores are computed in float32 or better in any case.",
        env=True,
        metavar="TYPE",
        expert=True,
    )

    @property
    def files(self) -> tuple[str | Path | None, ...]:
        """What the model is read from, as far as it is not a name alone."""
        return self._place, self.weights, self.labels, self.templates

    @property
    def is_on_hub(self) -> bool:
        """Whether the model is a name on a hub, where it may change."""
        name = self._place
        return ("/" in name or name.startswith("hf-hub:")) and not Path(name).expanduser().exists()

    @property
    def _place(self) -> str:
        """The name of the model, or the path of its folder alone."""
        return (self.model or "").removeprefix("clip:")

    def require_files(self) -> None:
        """Raise ModelError for a file of weights or names that cannot be used, before anything is loaded.

        UsageError for prompts that cannot be classes, whatever the model.
        """
        from vitexplain.models.prompts import check_beside_prompts, read_prompts

        if read_prompts(self.prompt or None, self.templates) is not None:
            check_beside_prompts({"labels": self.labels, "num_classes": self.num_classes})
        if self.weights is not None:
            from vitexplain.models.checkpoint import require_weights_file

            require_weights_file(self.weights)
        if self.labels is not None:
            from vitexplain.models.label_files import given_labels

            given_labels(self.labels)

    def load(self, terminal: TerminalOptions) -> LoadedModel:
        """Return the model; the process is set up for it: its threads, and what becomes of memory that is freed."""
        from vitexplain.models import load_model

        terminal.set_up_process()
        return load_model(
            self.model or "builtin",
            weights=self.weights,
            labels=self.labels,
            num_classes=self.num_classes,
            prompts=self.prompt or None,
            templates=self.templates,
            activation=self.activation,
            image_size=self.image_size,
            mean=self.mean,
            std=self.std,
            pool=self.pool,
            device=self.device,
            dtype=self.dtype,
        )

    def introduce(self, terminal: TerminalOptions, notices: Sequence[str] = ()) -> None:
        """Say in one line what the built-in model knows, where it was not named, and where the default gave way."""
        if self.model is None and self.weights is None and self.num_classes is None:
            terminal.say(BUILTIN_NOTICE)
        for notice in notices:
            terminal.say(notice)

    def load_for(
        self, request: Request, terminal: TerminalOptions, *, named: bool = True
    ) -> tuple[LoadedModel, Request]:
        """Return the model and the request as it serves it.

        Methods that were not `named` are left out where the model cannot do them.
        """
        loaded = self.load(terminal)
        if not named:
            request = request.where_possible(loaded)
        return loaded, request.for_model(loaded)
