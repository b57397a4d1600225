"""A file of torch.save: what its archive and its table claim is checked first, and nothing in it is ever run."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import pickletools
import re
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

from vitexplain.files import read_beginning, regular_size
from vitexplain.models.file_kinds import WHOLE_MODULE, zip_kind

_MAX_ENTRIES = 50_000
_MAX_DIRECTORY = 8 << 20
_MAX_TABLE = 16 << 20
"""Bytes of the table of names, shapes and settings beside the numbers; a thousand tensors take 100,000."""
_MAX_PARTS = 500_000
_MAX_TEXT = 64 << 20
_TIMES_LARGER = 4
"""torch.save packs nothing; weights packed by hand are hardly smaller."""
_ALWAYS = 16 << 20
_END = struct.Struct("<4s4H2LH")
_END64_AT = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class RefusedError(Exception):
    """A file of weights that is not read, with the reason and what to do in one line."""


def read_torch_file(path: Path) -> Any:
    """Return what torch.save wrote, with `weights_only=True`; the numbers of an archive stay in the file until used.

    RefusedError: damaged, claims more than it holds, holds another form of a model, or would run code.
    """
    import torch

    packed = False
    if read_beginning(path, 4) == b"PK\x03\x04":
        table, packed = _read_archive(path)
        _check_table(table, pickles=1)
        mapped = not packed
    else:
        _check_legacy(read_beginning(path, _MAX_TABLE))
        mapped = False
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_harmless()):
            warnings.simplefilter("ignore")
            # Mapped, nothing is read that is not used, and no tensor reaches beyond the file.
            if path.suffix.lower() != ".safetensors":
                return torch.load(os.fspath(path), map_location="cpu", weights_only=True, mmap=mapped)
            with path.open("rb") as file:  # by its name torch would take it for another format
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # What torch says is long, and advises to load it nevertheless.
        found = _FORBIDDEN.search(str(error))
        raise RefusedError(_would_run_code(found[1] if found else None)) from None
    except Exception as error:  # a damaged file raises many classes
        raise RefusedError(f"not a readable file of weights ({one_line(error)}): {_AGAIN}") from None


def one_line(error: BaseException) -> str:
    """Return the first words of an error of another library, in one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def _read_archive(path: Path) -> tuple[bytes, bool]:
    """Return the archive's table (data.pkl), and whether anything in it is packed; RefusedError: it claims too much."""
    size = regular_size(path)
    _check_directory(path, size)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            held = sum(entry.compress_size for entry in entries)
            claimed = sum(entry.file_size for entry in entries)
            if held > size or claimed > max(_TIMES_LARGER * size, _ALWAYS):
                raise RefusedError(
                    f"its archive claims {claimed:,} bytes in a file of {size:,}, which torch.save never writes: "
                    "save the weights again with torch.save(model.state_dict(), 'weights.pth')"
                )
            other = zip_kind(archive.namelist())
            if other:
                raise RefusedError(other)
            tables = [entry for entry in entries if entry.filename.endswith("data.pkl")]
            if len(tables) != 1 or tables[0].file_size > _MAX_TABLE:
                raise RefusedError(f"its table of tensors is not one of at most {_MAX_TABLE:,} bytes: {_ALONE}")
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            return archive.read(tables[0]), not stored
    except RefusedError:
        raise
    except Exception as error:  # zipfile raises several classes on damage
        what = "its list of entries leads nowhere" if isinstance(error, OSError) else one_line(error)
        raise RefusedError(f"not a readable file of weights ({what}): {_AGAIN}") from None


def _check_directory(path: Path, size: int) -> None:
    """Check the length of the list of entries, which is read whole, before it is."""
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size - _END64_AT.size - 64))
        tail = file.read()
        at = len(tail) - _END.size
        if at < 0 or tail[at : at + 4] != b"PK\x05\x06":
            raise RefusedError("not a readable file of weights (its archive has no end): " + _AGAIN)
        _, _, _, _, entries, length, _, _ = _END.unpack(tail[at:])
        if entries == 0xFFFF or length == 0xFFFFFFFF:
            place = tail[at - _END64_AT.size : at]
            if len(place) == _END64_AT.size and place[:4] == b"PK\x06\x07":
                file.seek(min(_END64_AT.unpack(place)[2], size))
                record = file.read(_END64.size)
                if len(record) == _END64.size and record[:4] == b"PK\x06\x06":
                    fields = _END64.unpack(record)
                    entries, length = fields[7], fields[8]
    if entries > _MAX_ENTRIES or length > _MAX_DIRECTORY:
        raise RefusedError(f"its archive lists {entries:,} entries in {length:,} bytes, expected fewer: {_ALONE}")


def _check_legacy(content: bytes) -> None:
    """Check the tables at the start of a file of torch before 1.6, which is a row of pickles, then the numbers."""
    try:
        codes = itertools.islice(pickletools.genops(content[:64]), 2)  # the protocol, then the mark
        first = next((argument for code, argument, _ in codes if code.name.startswith("LONG")), None)
    except Exception:  # whatever pickletools says of other bytes
        first = None
    _check_table(content, pickles=4 if first == _LEGACY_MAGIC else 1)


def _check_table(table: bytes, pickles: int) -> None:
    """Look through the parts of the pickles without running them; RefusedError: a whole module, or implausible."""
    stream = io.BytesIO(table)
    parts = longest = encoded = 0
    modules: list[str] = []
    encoders: set[object] = set()  # the numbers under which `_codecs.encode` is kept for later calls
    before = ""
    try:
        for _ in range(pickles):
            for code, argument, _ in pickletools.genops(stream):
                parts += 1
                if parts > _MAX_PARTS:
                    raise RefusedError(f"its table has more than {_MAX_PARTS:,} parts: {_ALONE}")
                if code.name == "GLOBAL":
                    modules.append(str(argument).replace(" ", "."))
                elif isinstance(argument, str | bytes):
                    longest = max(longest, len(argument))
                if "PUT" in code.name and before == "GLOBAL" and modules[-1] == "_codecs.encode":
                    encoders.add(argument)
                encoded += "GET" in code.name and argument in encoders
                before = code.name
    except RefusedError:
        raise
    except Exception as error:  # pickletools raises ValueError and more on damage
        raise RefusedError(
            f"not a readable file of weights ({one_line(error)}): it is no file of torch.save, or damaged"
        ) from None
    if "__builtin__.bytearray" in modules or "builtins.bytearray" in modules or encoded * longest > _MAX_TEXT:
        raise RefusedError(f"it holds more than tensors (bytes of a length that it names): {_ALONE}")
    _refuse_modules(modules)


def _refuse_modules(names: list[str]) -> None:
    """Refuse a module saved whole: loading it would import and run its classes."""
    if not any(name.startswith(("torch.nn.modules.", "torch.nn.quantized.", "torch.ao.nn.")) for name in names):
        return
    first = next((name for name in names if not name.startswith(("torch._utils", "collections.", "torch.nn."))), "")
    what = first if first and not first.startswith("torch.") else "torch.nn.Module"
    raise RefusedError(
        f"refused, it holds more than tensors (a whole module, {what[:80]}), which would run code: {WHOLE_MODULE}"
    )


def _would_run_code(name: str | None) -> str:
    what = f"holds more than tensors ({name})" if name else "is damaged or holds more than tensors"
    return f"refused, it {what}, which would run code: save model.state_dict() or use .safetensors"


def _harmless() -> list[Any]:
    """Return what training programs put beside the tensors (arguments, NumPy's numbers and arrays); it runs nothing."""
    import argparse
    import pathlib

    import numpy as np

    # numpy 1 and 2 keep them in different places
    scalar, array = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    return [
        argparse.Namespace,
        pathlib.PosixPath,
        *((scalar, f"{module}.scalar") for module in modules),
        *((array, f"{module}._reconstruct") for module in modules),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(kind)) for kind in "?bhilqBHILQefdSU"},
    ]


_AGAIN = "damaged or not complete, get it or save it once more"
_ALONE = "save the weights alone with torch.save(model.state_dict(), 'weights.pth')"
