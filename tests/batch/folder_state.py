"""What a batch left in its folder, in a form that two runs can be compared by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
from PIL import Image

from vitexplain.output import schema
from vitexplain.output.run_folder import LOCK, MANIFEST, RECORDS

_VALIDATOR = jsonschema.Draft202012Validator(schema("record"))


def records(out: Path) -> list[dict[str, Any]]:
    """Return the records in the order of the source, each one valid, in either layout."""
    found = [json.loads(line) for table in tables(out) for line in table.read_text("ascii").splitlines()]
    for record in found:
        _VALIDATOR.validate(record)
    return found


def tables(out: Path) -> list[Path]:
    """Return the files of records: the growing file, and the table of every part, whose entry must be true."""
    found = [out / RECORDS] if (out / RECORDS).exists() else []
    for path in sorted(out.glob("parts/*.json")):
        entry = json.loads(path.read_bytes())
        for file in entry["files"]:
            data = (out / file["name"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
        table = out / entry["files"][0]["name"]
        lines = [json.loads(line) for line in table.read_text("ascii").splitlines()]
        assert path.name == f"part-{entry['part']}.json" and table.stem == path.stem
        assert entry["records"] == len(lines) and entry["failed"] == sum("error" in line for line in lines)
        assert not entry["again"]
        found.append(table)
    return found


def by_path(out: Path) -> dict[str, dict[str, Any]]:
    """Return the records by path, without timings; no path may be there twice."""
    found: dict[str, dict[str, Any]] = {}
    for record in records(out):
        path = record["image"]["path"]
        assert path not in found, f"{path} is there twice"
        found[path] = {key: value for key, value in record.items() if key != "seconds"}
    return found


def pictures(out: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but the batch's own, by its path below the folder."""
    own = {LOCK, MANIFEST, RECORDS, *(str(path.relative_to(out)) for path in tables(out))}
    own |= {str(Path(name).with_suffix(".json")) for name in own if name.startswith("parts/")}
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and str(path.relative_to(out)) not in own
    }


def overlays(out: Path) -> set[str]:
    """Return the files that the records name."""
    return {
        file
        for record in records(out)
        for explanation in record.get("explanations", ())
        for file in explanation["files"].values()
    }


def assert_same(out: Path, expected: Path) -> None:
    """Both folders hold the same records (scores to 1e-5) and pictures, and no file that no record names."""
    found, wanted = by_path(out), by_path(expected)
    assert found.keys() == wanted.keys()
    for path, record in found.items():
        assert _rounded(record) == _rounded(wanted[path]), path
        for given, other in zip(record.get("explanations", ()), wanted[path].get("explanations", ()), strict=True):
            assert np.allclose(given["scores"], other["scores"], rtol=1e-5, atol=0), path
    assert set(pictures(out)) == set(pictures(expected)) == overlays(out)
    for name in pictures(out):
        with Image.open(out / name) as one, Image.open(expected / name) as two:
            levels = np.asarray(one, np.int16) - np.asarray(two, np.int16)
            assert abs(levels).max() <= 1, name


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without the numbers that depend on the arithmetic of a batch."""
    explanations = [
        {key: value for key, value in explanation.items() if key not in ("scores", "display", "statistics")}
        for explanation in record.get("explanations", ())
    ]
    predictions = [
        {**prediction, "probability": round(prediction["probability"], 4)}
        for prediction in record.get("predictions", ())
    ]
    return {**record, "explanations": explanations, "predictions": predictions}
