"""A picture found again by its path in a record: a file, a member of a tar, a row of a table, a remote file."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping

from vitexplain.batch.inputs import Place
from vitexplain.batch.sources.container import Container
from vitexplain.batch.sources.labels import NONE
from vitexplain.batch.sources.patterns import Patterns
from vitexplain.batch.sources.remote_folder import RemoteFile
from vitexplain.batch.sources.table import Table
from vitexplain.batch.sources.tar import Tar
from vitexplain.errors import InputError
from vitexplain.images.files import shown
from vitexplain.output.stores import is_remote

_END = re.compile(r"\.(?:tar|tar\.gz|tgz|parquet)(?=/)", re.IGNORECASE)


def container_in(path: str) -> tuple[str, str] | None:
    """Return the tar or table in a path, and what follows it; None: there is none."""
    for found in _END.finditer(path):
        address = path[: found.end()]
        if is_remote(address) or not os.path.isdir(address):  # noqa: PTH112
            return address, path[found.end() + 1 :]
    return None


def place_of(path: str, image_column: str | None = None) -> Place | None:
    """Return where the bytes of a picture are, None for a file of this machine; InputError: it is not there any more.

    A tar or a table is listed for it, which is kept for the next picture.
    """
    inside = container_in(path)
    if inside is None:
        return RemoteFile(path) if is_remote(path) else None
    address, _ = inside
    place = _places(address, image_column, Container(address).stamp()).get(path)
    if place is None:
        raise InputError(f"{shown(path)}: {shown(address)} does not hold it any more: give the one that was explained")
    return place


@functools.lru_cache(maxsize=4)
def _places(address: str, image_column: str | None, _stamp: tuple[int, ...]) -> Mapping[str, Place]:
    container = Container(address)
    if address.lower().endswith(".parquet"):
        listing = Table(container, "", image_column, NONE, alone=True).listing()
    else:
        listing = Tar(container, "", Patterns(), NONE, alone=True).listing()
    return {each.path: each.place for each in listing.pictures if each.place is not None}
