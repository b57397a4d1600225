"""The page without a browser: what is in its markup, that its data are the records, and that nothing can break out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import struct
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.report.run_folders import HOSTILE_LABEL, records_in, small_batch
from vitexplain.report import Pictures, write_report
from vitexplain.report.page import SCRIPTS

ASSETS = Path(__file__).parents[2] / "vitexplain" / "report" / "page"


class Parts(HTMLParser):
    """The elements of a page, and the text of those with an id or that run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag in ("script", "style")
        if self._open:
            self.inside.append("")

    def handle_endtag(self, _tag: str) -> None:
        self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[-1] += data

    def data(self, name: str) -> list[str]:
        """Return the lines of an element that holds data."""
        blocks = [attrs for tag, attrs in self.tags if tag in ("script", "style")]
        (text,) = [text for attrs, text in zip(blocks, self.inside, strict=True) if attrs.get("id") == f"{name}-data"]
        return text.splitlines()


def unpacked(image: dict[str, Any]) -> dict[str, Any]:
    """Return the record of one image of the page, as the format's description says."""
    record: dict[str, Any] = image["record"]
    for each in record.get("explanations", ()):
        packed = image["maps"][each["scores"]]
        letter = {"f4": "f", "f8": "d"}[packed["kind"]]
        values = struct.unpack(f"<{packed['rows'] * packed['cols']}{letter}", base64.b64decode(packed["data"]))
        each["scores"] = [list(values[row * packed["cols"] :][: packed["cols"]]) for row in range(packed["rows"])]
    return record


def narrowed(record: Any) -> Any:
    """Return the record with its rollout's scores as float32, which is what the method found."""
    for each in record.get("explanations", ()):
        if each["method"] == "rollout":
            each["scores"] = [
                [struct.unpack("f", struct.pack("f", score))[0] for score in row] for row in each["scores"]
            ]
    return record


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    return small_batch(tmp_path)


@pytest.fixture
def text(batch: Path) -> str:
    return write_report(batch).path.read_text(encoding="utf-8")


def test_the_data_are_the_records(batch: Path, text: str) -> None:
    images = [json.loads(line) for line in Parts(text).data("images")]
    assert len(images) == 6
    assert [unpacked(image) for image in images] == [narrowed(record) for record in records_in(batch)]


def test_nothing_in_a_record_is_markup(text: str) -> None:
    parts = Parts(text)
    assert [tag for tag, _ in parts.tags].count("script") == 3 + len(SCRIPTS)
    assert not [attrs for tag, attrs in parts.tags if tag == "img"]
    assert HOSTILE_LABEL not in text
    assert "\u2028" not in text and "\u2029" not in text
    (label,) = {
        each["label"]
        for line in parts.data("images")
        for each in json.loads(line)["record"].get("predictions", ())
        if each["label"] and "script" in each["label"]
    }
    assert label == HOSTILE_LABEL


def test_the_policy_allows_the_scripts_of_the_package_alone(text: str) -> None:
    parts = Parts(text)
    (policy,) = [attrs["content"] or "" for _, attrs in parts.tags if "http-equiv" in attrs]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "'self' file: data:"
    blocks = [attrs for tag, attrs in parts.tags if tag in ("script", "style")]
    running = [text for attrs, text in zip(blocks, parts.inside, strict=True) if "type" not in attrs]
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in running]
    assert re.findall(r"'sha256-([^']+)'", policy) == digests
    assert "unsafe" not in policy


def test_every_address_is_that_of_a_file_in_the_folder(batch: Path, text: str) -> None:
    from urllib.parse import unquote

    found = [
        address
        for line in Parts(text).data("images")
        if "maps" in (image := json.loads(line))
        for address in (image["picture"], *(file for each in image["maps"] for file in each["files"].values()))
    ]
    assert len(found) == 5 + 3 * 5
    assert all(address.startswith("./") and (batch / unquote(address)).is_file() for address in found)


def test_the_same_folder_gives_the_same_page(batch: Path, text: str) -> None:
    assert write_report(batch).path.read_text(encoding="utf-8") == text


def test_pictures_in_the_page(batch: Path, tmp_path: Path) -> None:
    shutil.copytree(batch, tmp_path / "copy")
    page = write_report(tmp_path / "copy", Pictures(embed=True)).path.read_text(encoding="utf-8")
    assert not (tmp_path / "copy" / "report").exists()
    pictures = Parts(page).data("pictures")
    numbers = [json.loads(line).get("picture") for line in Parts(page).data("images")]
    assert numbers == [0, 1, 2, 3, 4, None]
    assert all(base64.b64decode(each).startswith(b"\xff\xd8\xff") for each in pictures)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_write_text_and_no_markup(name: str) -> None:
    source = (ASSETS / name).read_text(encoding="utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "http",
        "import(",
    ):
        assert word not in source, word
    if shutil.which("node"):
        subprocess.run(["node", "--check", ASSETS / name], check=True)


def test_every_script_of_the_folder_is_in_the_page() -> None:
    assert sorted(path.name for path in ASSETS.glob("*.js")) == sorted(SCRIPTS)
