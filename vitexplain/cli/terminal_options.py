"""The options of the terminal and the machine: notices, processors, and the pace of a batch."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from vitexplain.cli.groups import TERMINAL, Group, option
from vitexplain.errors import UsageError

if TYPE_CHECKING:
    from vitexplain.batch.engine import Pace
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request


@dataclass(frozen=True)
class TerminalOptions(Group):
    """How many threads compute, and whether notices are printed."""

    panel: ClassVar[str] = TERMINAL
    threads: int | None = option(
        None, "Processor threads to use; by default one a core, or what OMP_NUM_THREADS says.", env=True, low=1
    )
    quiet: bool = option(False, "No notices and no progress on stderr.", short="-q")

    def set_up_process(self) -> None:
        """Set the number of threads, and keep freed memory in this process."""
        import torch

        from vitexplain.cli.allocation import keep_freed_memory
        from vitexplain.cli.processors import default_threads

        keep_freed_memory()
        threads = self.threads or default_threads()
        if threads is not None:
            torch.set_num_threads(threads)

    def loading(self) -> AbstractContextManager[None]:
        """Show that the model is being loaded, unless --quiet, until it is."""
        from vitexplain.cli.progress import waiting

        return waiting("loading the model", shown=not self.quiet)

    def say(self, message: str) -> None:
        """Print one plain line on stderr, unless --quiet."""
        from vitexplain.cli.console import say

        if not self.quiet:
            say(message)

    def warn(self, message: str) -> None:
        """Print a notice on stderr, unless --quiet."""
        from vitexplain.cli.console import say_warning

        if not self.quiet:
            say_warning(message)


@dataclass(frozen=True)
class PaceOptions(Group):
    """How many images are worked on at once."""

    panel: ClassVar[str] = TERMINAL
    batch_size: str = option(
        "8", "Images per forward pass. auto: the fastest number here, found by trying.", env=True, metavar="N|auto"
    )
    workers: int | None = option(
        None,
        "Processes that read pictures ahead of the model; half of the processors by default.",
        env=True,
        low=0,
        expert=True,
    )
    profile: bool = option(False, "Print at the end where the time went, stage by stage.", expert=True)

    @property
    def size(self) -> int | None:
        """The number of images a batch, None for auto; UsageError: it is neither."""
        text = str(self.batch_size)
        if text == "auto":
            return None
        if not (text.isascii() and text.isdecimal() and int(text)):
            raise UsageError(f"batch size '{text}' is not valid: expected a number from 1, or auto")
        return int(text)

    def pace_for(self, model: LoadedModel, request: Request, terminal: TerminalOptions) -> Pace:
        """Return the pace of this process; auto tries which batches are the fastest."""
        from vitexplain.batch.fitting import fastest_batch_size

        pace = self.pace()
        if self.size is None:
            pace = replace(pace, batch_size=fastest_batch_size(model, request))
            terminal.say(f"batches of {pace.batch_size}: the fastest here")
        return pace

    def pace(self, cpus: float | None = None) -> Pace:
        """Return the pace with so many processors, by default all; half of them read: the model needs the others."""
        from vitexplain.batch.engine import Pace

        half = max(1, min(8, int(cpus or os.cpu_count() or 1) // 2))
        return Pace(self.size or 1, half if self.workers is None else self.workers)
