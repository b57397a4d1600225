"""A run through Ray in the test's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from vitexplain.batch.engine import Pace
from vitexplain.batch.engines.ray import RayEngine
from vitexplain.batch.engines.ray_rows import Task
from vitexplain.batch.engines.shares import Shares
from vitexplain.batch.layout import Layout
from vitexplain.batch.manifest import Manifest
from vitexplain.batch.opening import opened
from vitexplain.batch.sources.folder import list_pictures
from vitexplain.batch.sources.source import Listed
from vitexplain.batch.tally import Tally
from vitexplain.batch.work.parts import PartsWork
from vitexplain.methods import parse_methods
from vitexplain.models import LoadedModel, load_model
from vitexplain.output import FolderDestination, WriteOptions
from vitexplain.pipeline import Request


def loaded(folder: str, notes: str | None) -> LoadedModel:
    """Load a model in one of Ray's processes, and note which one that is."""
    if notes is not None:
        Path(notes, str(os.getpid())).touch()
    return load_model(folder)


def deadly(folder: str) -> LoadedModel:
    """Load a model whose network ends its process."""
    model = load_model(folder)
    model.network.module.register_forward_pre_hook(lambda *_: os._exit(9))
    return model


class Run:
    """A run through Ray in this process: its task, its folder, and how many parts are whole."""

    def __init__(self, ray: Any, photos: Path, out: Path, model: Path, **changes: Any) -> None:
        self.out, self._ray = out, ray
        here = load_model(str(model))
        request = replace(Request(parse_methods(["rollout"])).for_model(here), **changes.pop("request", {}))
        self._units = [Listed("", list_pictures(str(photos), out))]
        write, layout = WriteOptions(out, record=False), Layout(part_size=20)
        self._manifest = Manifest.of(str(photos), here, request, write, None, layout=layout)
        self._destination = FolderDestination(out)
        self._layout = layout
        self._task = partial(
            Task,
            changes.pop("load", partial(loaded, str(model), None)),
            changes.pop("manifest", self._manifest.settings["model"]),
            request,
            write=write,
            pace=Pace(4, 1),
            **changes,
        )

    def __call__(self, report: Callable[[Mapping[str, Any]], None] = lambda _: None) -> Tally:
        """Do what is left; return the counts."""
        with opened(self._destination) as place, place.begun(self._manifest, self._units):
            work = place.work(self._units, self._layout)
            assert isinstance(work, PartsWork)
            engine = RayEngine(
                self._ray, Shares(1, 1), self._task(work=work), report, lambda: False, lambda _: None, tries=1
            )
            tally = engine.run(work, lambda _total, _done: None)
            tally.add(work.done)
        return tally

    def parts(self) -> int:
        """Return how many parts are whole."""
        return len(list((self.out / "parts").glob("*.json")))
