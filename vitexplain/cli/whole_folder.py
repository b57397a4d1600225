"""`batch`: explains what is missing, shows its progress, and prints a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitexplain.cli.notices import printed_notices
from vitexplain.cli.signals import noted_signals
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import InputError

if TYPE_CHECKING:
    from vitexplain.batch.engine import Pace, Tally
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.output.listing import Listing
    from vitexplain.pipeline import Request


@dataclass(frozen=True)
class WholeFolder:
    """One call of `batch`: what is shown while it runs, and its exit code."""

    model: LoadedModel
    request: Request
    write: WriteOptions
    pace: Pace
    terminal: TerminalOptions
    json: bool
    layers_chosen: bool

    def run(self, folder: str, listing: Listing, *, restart: bool, retry: bool) -> int:
        """Explain what is missing, and return the exit code."""
        from vitexplain.batch.engine import Engine
        from vitexplain.batch.manifest import Manifest
        from vitexplain.batch.naming import named
        from vitexplain.batch.resume import run_folder
        from vitexplain.batch.sinks import JsonLinesSink
        from vitexplain.cli.console import print_record
        from vitexplain.cli.progress import ImageProgress

        stems = named(listing.pictures)
        manifest = Manifest.of(folder, self.model, self.request, self.write)
        with run_folder(self.write.folder, manifest, listing.pictures, restart=restart, retry=retry) as done:
            left = [listed for listed in listing.pictures if listed.path not in done.paths]
            total = len(left) + len(done.paths)
            with (
                JsonLinesSink(self.write.folder) as sink,
                ImageProgress(total, len(done.paths), shown=not self.terminal.quiet) as progress,
                noted_signals() as caught,
            ):

                def report(record: Mapping[str, Any]) -> None:
                    if self.json:
                        print_record(record)
                    progress.advance(record["error"]["message"] if "error" in record else None)

                engine = Engine(
                    self.model, self.request, self.write, self.pace, sink, report, stop=lambda: bool(caught)
                )
                tally = engine.run(left, stems, proven=bool(done.explained))
        tally.explained += done.explained
        tally.failed += done.failed
        tally.notices += done.notices
        self._summary(tally, listing.skipped, total)
        if not left:
            self.terminal.say(f"nothing left to do{'; --retry tries the failed images again' * bool(tally.failed)}")
        if tally.stopped:
            return 128 + caught[0]
        if tally.failed:
            return 1 if tally.explained else InputError.exit_code
        return 0

    def _summary(self, tally: Tally, skipped: int, total: int) -> None:
        """Print the counts: on stdout, or on stderr if stdout is for JSON."""
        from vitexplain.cli.console import print_line, say, say_warning
        from vitexplain.output.run_folder import RECORDS

        counts: Counter[str] = Counter()
        for notice, count in tally.notices.items():
            for words in printed_notices([notice], layers_chosen=self.layers_chosen):
                counts[words] = max(counts[words], count)
        for words, count in counts.most_common(10):
            self.terminal.warn(f"{count:,} image{'s' * (count != 1)}: {words}")
        tell = say if self.json else print_line
        others = f", {skipped:,} other files skipped" if skipped else ""
        tell(f"{tally.explained:,} explained, {tally.failed:,} failed{others}: {self.write.folder / RECORDS}")
        if tally.stopped:
            left = total - tally.explained - tally.failed
            say_warning(f"stopped with {left:,} images left: run the same command again to resume")
