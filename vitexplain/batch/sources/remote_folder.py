"""The pictures of a folder in a remote store, and single remote files."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.folder import kind_of
from vitexplain.batch.sources.patterns import EXCLUDED, Patterns
from vitexplain.batch.sources.remote import entries_below, read_remote
from vitexplain.batch.sources.source import Listing
from vitexplain.errors import InputError
from vitexplain.images import picture_endings
from vitexplain.images.files import shown
from vitexplain.output.run_folder import BATCH_SCHEMA, MANIFEST

_LARGEST_MANIFEST = 2**20


@dataclass(frozen=True)
class RemoteFile:
    """A picture that is a file of its own in a remote store; `size` in bytes where the listing says it."""

    address: str
    size: int | None = None

    def read(self) -> bytes:
        """Return its bytes; InputError: it cannot be read; LimitError: too large."""
        return read_remote(self.address, self.size)


def listed_remotely(folder: str, out: str | None, patterns: Patterns) -> Listing:
    """Return every file below a remote folder whose ending Pillow reads, in the order of the keys' bytes.

    The output folder `out` and the folders of other batches are left out. InputError: there is no such folder.
    """
    entries, endings = entries_below(folder), picture_endings()
    if not entries:
        raise InputError(f"{shown(folder)}: no such folder, or nothing in it: check the address")
    runs = tuple(name.removesuffix(MANIFEST) for name in entries if _is_run(name, *entries[name]))
    aside: Counter[str] = Counter()
    found = []
    for name, (address, size) in entries.items():
        if name.startswith(runs) or (out is not None and address.startswith(f"{out.rstrip('/')}/")):
            continue
        kind = kind_of(name, endings) or (None if patterns.wants(name) else EXCLUDED)
        if kind is not None:
            aside[kind] += 1
        else:
            found.append(Input(address, name, RemoteFile(address, size)))
    return Listing(tuple(sorted(found, key=lambda each: each.name.encode("utf-8", "surrogatepass"))), aside)


def _is_run(name: str, address: str, size: int | None) -> bool:
    """Whether a file is the manifest of a batch, whose folder is no input."""
    if name.rpartition("/")[2] != MANIFEST or size is None or size > _LARGEST_MANIFEST:
        return False
    try:
        schema = json.loads(read_remote(address, size))["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return isinstance(schema, str) and schema.startswith(BATCH_SCHEMA)
