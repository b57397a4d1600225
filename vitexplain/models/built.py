"""Built: a torch module with its weights, before it is placed and described."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitexplain.models.prompts import Prompts
from vitexplain.models.training_settings import TrainingSettings


@dataclass(frozen=True)
class Built:
    """A torch module with its weights, on the CPU in float32, and where they come from.

    `trained_size`: pixels (height, width) of the pictures in training, None where only the module knows it.
    `settings`: what the file, or a configuration beside it, says about the training; its size is in the module.
    `problem_type`: transformers' name of what the outputs answer, None where a folder does not say it.
    `prompts`: the questions in words that its outputs answer, None where they are others; `takes_prompts`: whether
    there is a text tower beside the module to read some.
    """

    module: Any
    name: str
    origin: str
    file: Path
    notices: tuple[str, ...] = ()
    label_table: object = None
    trained_size: tuple[int, int] | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    problem_type: str | None = None
    prompts: Prompts | None = None
    takes_prompts: bool = False
