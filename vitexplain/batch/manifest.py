"""The manifest of a batch: what its results depend on, so that results of different commands are never mixed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vitexplain import __version__
from vitexplain.batch.layout import Layout
from vitexplain.errors import OutputError, UsageError
from vitexplain.images.files import shown
from vitexplain.output import Destination, FolderDestination, WriteOptions, line
from vitexplain.output.run_folder import BATCH_SCHEMA, LARGEST_MANIFEST, MANIFEST, settings_in
from vitexplain.result import Transform, plain

if TYPE_CHECKING:
    from vitexplain.models import LoadedModel
    from vitexplain.pipeline import Request

SCHEMA = f"{BATCH_SCHEMA}1"

_SEAL, _LAYOUT = "seal", "layout"

_LONGEST = 200
"""Characters of a setting that an error shows."""


@dataclass(frozen=True)
class Manifest:
    """The settings of a batch as JSON values; its speed (device, threads, batch size) is not among them.

    `seal`: the digest of the settings and of the call that made it, by which the same call is known before a model is
    loaded.
    """

    settings: Mapping[str, Any]
    seal: str | None = None

    @classmethod
    def of(
        cls,
        folder: str | Sequence[str],
        model: LoadedModel,
        request: Request,
        write: WriteOptions,
        call: str | None = None,
        source: Mapping[str, Any] | None = None,
        layout: Layout | None = None,
    ) -> Manifest:
        """Return the manifest of a batch over `folder`, or over several sources; `source`: how these are read.

        `layout`: of its parts, None for one growing file.
        """
        of_model = {
            "model": {
                "name": model.name,
                "source": model.origin,
                "weights_sha256": model.weights_sha256,
                "classes": model.num_classes,
                "activation": model.activation,
                "dtype": str(model.dtype).removeprefix("torch."),
                "labels": _labels_digest(model),
                "transform": Transform.of(model.preprocess).to_record(),
                "readout": model.network.readout,
                "prompts": None if model.prompts is None else asdict(model.prompts),
            },
            "reference_image": request.reference_sha256,
            "view": request.view or model.preprocess.view,
            **({} if layout is None else {_LAYOUT: layout.to_setting()}),
        }
        settings = plain({**asked_settings(folder, source, request, write, methods_named=True), **of_model})
        return cls(settings, None if call is None else _seal(settings, call))

    @classmethod
    def read(cls, destination: Destination) -> Manifest | None:
        """Return the manifest in an output folder, None if there is none; OutputError if the file is something else."""
        foreign = OutputError(
            f"{shown(f'{destination}/{MANIFEST}')} is not a batch's manifest: give another folder with `folder=`"
        )
        try:
            data = destination.get(MANIFEST, LARGEST_MANIFEST)
        except OutputError as error:
            if isinstance(destination, FolderDestination):
                raise foreign from error
            raise
        settings = None if data is None else settings_in(data, BATCH_SCHEMA)
        if settings is None:
            if data is not None:
                raise foreign
            return None
        seal = settings.pop(_SEAL, None)
        return cls(settings, seal if isinstance(seal, str) else None)

    @property
    def layout(self) -> Layout | None:
        """The layout of the parts; None for one growing file."""
        return Layout.from_setting(self.settings.get(_LAYOUT))

    def encoded(self) -> bytes:
        """Return the manifest's file."""
        return line(self.settings if self.seal is None else {**self.settings, _SEAL: self.seal})

    def is_of(self, call: str) -> bool:
        """Whether the manifest was made by this call, and stands as it was written."""
        return self.seal is not None and self.seal == _seal(self.settings, call)

    def require_same(self, other: Manifest, destination: Destination, *, sharded: bool = False) -> None:
        """Raise UsageError that names every setting in which the command given (`other`) differs.

        A batch of one growing file may go on in parts. `sharded`: other shards write there, so none may start it again.
        """
        before = {key: value for key, value in other.settings.items() if key == _LAYOUT} | {**self.settings}
        found = list(_differences(before, other.settings, ""))
        if found:
            more = f" and {len(found) - 4} more" if len(found) > 4 else ""
            raise UsageError(
                f"the batch in {shown(str(destination))} was made with other settings: {'; '.join(found[:4])}{more}: "
                f"give the same ones, another `folder=`, or {start_again(destination, sharded=sharded)}"
            )


def start_again(destination: Destination, *, sharded: bool) -> str:
    """Return how a batch is started again, for a message: one shard must not remove the work of all."""
    if sharded:
        return f"remove {shown(str(destination))} and start every shard again"
    return "`restart=True` to remove it and start again"


def asked_settings(
    folder: str | Sequence[str],
    source: Mapping[str, Any] | None,
    request: Request,
    write: WriteOptions,
    *,
    methods_named: bool,
) -> dict[str, Any]:
    """Return those settings of a batch that the command alone tells, whatever the model. Arguments as in `Manifest.of`.

    The default's methods are fitted to the model, and so are not among them unless they are `methods_named`.
    """
    from vitexplain.methods import canonical_spec, options_of

    written: dict[str, Any] = {kind: getattr(write, kind) for kind in ("heatmap", "npy", "cut_layers")}
    written |= {"overlay": write.form if write.overlay else None, "caption": write.captioned}
    asked = {
        "schema": SCHEMA,
        "version": __version__,
        "folder": folder,
        **({"input": source} if source else {}),
        "methods": {canonical_spec(method): options_of(method) for method in request.methods},
        "target": request.target,
        "against": request.against,
        "check": None if request.check is None else asdict(request.check),
        "view": request.view,
        "top_k": request.top_k,
        "max_pixels": request.max_pixels,
        "fast_decode": request.fast_decode is not None,
        "write": written,
        "drawing": asdict(write.drawing),
    }
    left_out = {"methods": not methods_named, "view": request.view is None}
    return dict(plain({name: value for name, value in asked.items() if not left_out.get(name)}))


def _seal(settings: Mapping[str, Any], call: str) -> str:
    import hashlib

    return hashlib.sha256(line(settings) + call.encode("ascii")).hexdigest()


def _differences(was: Any, now: Any, name: str) -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        if name == "methods" and list(was) != list(now):
            yield f"methods {_shown(', '.join(was))}, now {', '.join(now)}"
            return
        for key in dict.fromkeys([*was, *now]):
            yield from _differences(was.get(key), now.get(key), f"{name}.{key}" if name else str(key))
    elif was != now:
        yield f"{name.replace('.', ' ')} {_shown(was)}, now {_shown(now)}"


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        text = "nested too deep"
    short = text[:12] if len(text) == 64 and text.isalnum() else text
    return shown(short if len(short) <= _LONGEST else f"{short[:_LONGEST]}...")


def _labels_digest(model: LoadedModel) -> str | None:
    """Return the SHA-256 of the class names, None where there are none."""
    import hashlib

    if model.labels is None:
        return None
    names = [[model.labels.id(index), *model.labels.synonyms(index)] for index in range(len(model.labels))]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()
