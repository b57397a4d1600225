"""`batch`: explains what is missing, shows its progress, and prints a summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitexplain.cli.notices import printed_notices
from vitexplain.cli.signals import noted_signals
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import InputError

if TYPE_CHECKING:
    from vitexplain.batch.engine import Pace
    from vitexplain.batch.resume import Done
    from vitexplain.batch.sources.source import Listing
    from vitexplain.batch.tally import Tally
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.pipeline import Request


@dataclass(frozen=True)
class WholeFolder:
    """One call of `batch`: what is shown while it runs, and its exit code."""

    out: Path
    listing: Listing
    terminal: TerminalOptions
    json: bool
    layers_chosen: bool

    def nothing_left(self, done: Done) -> int:
        """Say what an earlier run did, and return the exit code."""
        from vitexplain.batch.tally import Tally

        tally = Tally()
        tally.add(done)
        return self._ended(tally, 0, None)

    def run(self, model: LoadedModel, request: Request, write: WriteOptions, pace: Pace, done: Done) -> int:
        """Explain what is missing, and return the exit code."""
        from vitexplain.batch.engine import Engine
        from vitexplain.batch.naming import named
        from vitexplain.batch.sinks.lines import LinesSink
        from vitexplain.cli.console import print_record
        from vitexplain.cli.progress import ImageProgress

        left = [listed for listed in self.listing.pictures if listed.path not in done.paths]
        # A line of JSON on the same terminal would be glued to the bar.
        shown = not (self.terminal.quiet or (self.json and sys.stdout.isatty()))
        with (
            LinesSink(write, named(self.listing.pictures)) as sink,
            ImageProgress(len(left) + len(done.paths), len(done.paths), shown=shown) as progress,
            noted_signals(progress.warn) as caught,
        ):

            def report(record: Mapping[str, Any]) -> None:
                if self.json:
                    print_record(record)
                progress.advance(record["error"]["message"] if "error" in record else None)

            engine = Engine(model, request, pace, sink, report, stop=lambda: bool(caught))
            tally = engine.run(left, proven=bool(done.explained))
        tally.add(done)
        return self._ended(tally, len(left), caught[0] if tally.stopped else None)

    def _ended(self, tally: Tally, left: int, signal: int | None) -> int:
        """Print the summary of a run over `left` images, and return the exit code."""
        self._summary(tally)
        if not left:
            self.terminal.say(f"nothing left to do{'; --retry tries the failed images again' * bool(tally.failed)}")
        if signal is not None:
            return 128 + signal
        if tally.failed:
            return 1 if tally.explained else InputError.exit_code
        return 0

    def _summary(self, tally: Tally) -> None:
        """Print the counts: on stdout, or on stderr if stdout is for JSON."""
        from vitexplain.batch.sources.source import aside_in_words
        from vitexplain.cli.console import print_line, say, say_warning
        from vitexplain.output.run_folder import RECORDS

        counts: Counter[str] = Counter()
        for notice, count in tally.notices.items():
            for words in printed_notices([notice], layers_chosen=self.layers_chosen):
                counts[words] = max(counts[words], count)
        for words, count in counts.most_common(10):
            self.terminal.warn(f"{count:,} image{'s' * (count != 1)}: {words}")
        if tally.accuracy is not None:
            self.terminal.say(tally.accuracy)
        tell = say if self.json else print_line
        if self.listing.aside:
            self.terminal.say(f"left aside: {aside_in_words(self.listing.aside)}")
        skipped = self.listing.skipped
        others = f", {skipped:,} other files skipped" if skipped else ""
        tell(f"{tally.explained:,} explained, {tally.failed:,} failed{others}: {self.out / RECORDS}")
        if tally.stopped:
            left = len(self.listing.pictures) - tally.explained - tally.failed
            say_warning(f"stopped with {left:,} images left: run the same command again to resume")
