"""`batch`: explains what is missing, shows its progress, and prints a summary."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vitexplain.cli.notices import printed_notices
from vitexplain.cli.signals import noted_signals
from vitexplain.cli.terminal_options import TerminalOptions
from vitexplain.errors import InputError

if TYPE_CHECKING:
    from vitexplain.batch.engine import Pace
    from vitexplain.batch.engines.ray_rows import Task
    from vitexplain.batch.tally import Tally
    from vitexplain.batch.work.work import Found, Work
    from vitexplain.cli.engine_options import EngineOptions
    from vitexplain.cli.terminal_options import PaceOptions
    from vitexplain.models import LoadedModel
    from vitexplain.output import WriteOptions
    from vitexplain.pipeline import Request

Take = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True)
class WholeFolder:
    """One call of `batch`: what is shown while it runs, and its exit code."""

    out: str
    terminal: TerminalOptions
    json: bool
    layers_chosen: bool
    profile: bool = False

    def nothing_left(self, work: Work) -> int:
        """Say what an earlier run did, and return the exit code."""
        code = self._ended(work, work.done, None)
        if not work.total:
            self.terminal.warn(
                "no image is to be explained here: the globs leave none, or there are fewer parts than shares, and a "
                "smaller --part-size makes more of them"
            )
        self.terminal.say(f"nothing left to do{'; --retry tries the failed images again' * bool(work.done.failed)}")
        return code

    def run(self, model: LoadedModel, request: Request, write: WriteOptions, pace: Pace, work: Work) -> int:
        """Explain what is missing, and return the exit code."""
        from vitexplain.batch.engine import Engine
        from vitexplain.cli.console import say

        profiled: list[str] = []

        def drive(found: Found, report: Take, kept: Take, stop: Callable[[], bool]) -> Tally:
            with work.begun(write, found) as (sink, left):
                engine = Engine(model, request, pace, sink, report, stop, kept)
                tally = engine.run(left, proven=lambda: bool(work.done.explained))
            if self.profile:
                profiled.extend(engine.profile.lines(tally.explained + tally.failed))
            return tally

        code = self._driven(work, drive)
        for line in profiled:
            say(line)
        return code

    def run_on_ray(self, engine: EngineOptions, device: str, pace: PaceOptions, task: Task) -> int:
        """Let Ray explain what is missing, and return the exit code."""
        from vitexplain.batch.engines.ray import RayEngine
        from vitexplain.cli.progress import waiting

        with ExitStack() as stack:
            with waiting("starting Ray", shown=not self.terminal.quiet):
                ray, shares = stack.enter_context(engine.cluster(device, self.terminal.threads))
            told = replace(task, pace=pace.pace(shares.cpus), whole_records=self.json)

            def drive(found: Found, report: Take, kept: Take, stop: Callable[[], bool]) -> Tally:
                return RayEngine(ray, shares, told, report, stop, kept).run(task.work, found)

            return self._driven(task.work, drive)

    def _driven(self, work: Work, drive: Callable[[Found, Take, Take, Callable[[], bool]], Tally]) -> int:
        """Show the progress of an engine, print its summary, and return the exit code."""
        from vitexplain.cli.console import print_record
        from vitexplain.cli.progress import ImageProgress

        # A line of JSON on the same terminal would be glued to the bar.
        shown = not (self.terminal.quiet or (self.json and sys.stdout.isatty()))
        with ImageProgress(shown=shown) as progress, noted_signals(progress.warn) as caught:

            def report(record: Mapping[str, Any]) -> None:
                progress.advance(record["error"]["message"] if "error" in record else None)

            def kept(record: Mapping[str, Any]) -> None:
                if self.json:
                    print_record(record)

            tally = drive(progress.found, report, kept, lambda: bool(caught))
        if not (tally.explained or tally.failed or tally.stopped):
            return self.nothing_left(work)
        tally.add(work.done)
        return self._ended(work, tally, caught[0] if tally.stopped else None)

    def _ended(self, work: Work, tally: Tally, signal: int | None) -> int:
        """Print the summary, and return the exit code."""
        self._summary(work, tally)
        if signal is not None:
            return 128 + signal
        if tally.failed:
            return 1 if tally.explained else InputError.exit_code
        return 0

    def _summary(self, work: Work, tally: Tally) -> None:
        """Print the counts: on stdout, or on stderr if stdout is for JSON."""
        from vitexplain.batch.sources.source import aside_in_words
        from vitexplain.cli.console import print_line, say, say_warning

        counts: Counter[str] = Counter()
        for notice, count in tally.notices.items():
            for words in printed_notices([notice], layers_chosen=self.layers_chosen):
                counts[words] = max(counts[words], count)
        for words, count in counts.most_common(10):
            self.terminal.warn(f"{count:,} image{'s' * (count != 1)}: {words}")
        if tally.accuracy is not None:
            self.terminal.say(tally.accuracy)
        tell = say if self.json else print_line
        if work.aside:
            self.terminal.say(f"left aside: {aside_in_words(work.aside)}")
        skipped = sum(work.aside.values())
        others = f", {skipped:,} other file{'s' * (skipped != 1)} skipped" if skipped else ""
        tell(f"{tally.explained:,} explained, {tally.failed:,} failed{others}: {self.out}/{work.holds}")
        if tally.stopped:
            left = work.total - tally.explained - tally.failed
            say_warning(f"stopped with {left:,} images left: run the same command again to resume")
