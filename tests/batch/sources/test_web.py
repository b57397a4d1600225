"""Sources on a real web server on this machine: with ranges and without, slow, and one that answers 500."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import listed, outcome, tar_of
from vitexplain.batch.sources import remote
from vitexplain.errors import InputError

pytest.importorskip("aiohttp", reason="needs the extra remote")

PICTURES = {f"{number:03}.png": encoded("PNG", number) for number in range(5)}
SHA256 = {key: hashlib.sha256(data).hexdigest() for key, data in PICTURES.items()}


class Server(BaseHTTPRequestHandler):
    """Serves `files`; `broken` answers are errors, `ranges` says whether parts of a file can be had."""

    protocol_version = "HTTP/1.1"
    files: ClassVar[dict[str, bytes]] = {f"/{key}": data for key, data in PICTURES.items()}
    broken: ClassVar[int] = 0
    ranges: ClassVar[bool] = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if type(self).broken:
            type(self).broken -= 1
            self._answer(500, b"")
            return
        data = self.files.get(self.path.partition("?")[0])
        if data is None:
            self._answer(404, b"")
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.ranges:
            start, end = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            self._answer(206, data[start : end + 1], f"bytes {start}-{end}/{len(data)}")
        else:
            self._answer(200, data)

    def _answer(self, code: int, data: bytes, place: str | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        if self.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if place is not None:
            self.send_header("Content-Range", place)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    Server.broken, Server.ranges = 0, True
    Server.files = {**{f"/{key}": data for key, data in PICTURES.items()}, "/x.tar": tar_of(PICTURES.items())}
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_pictures_and_tars(server: str) -> None:
    found = listed(f"{server}/000.png", f"{server}/004.png?signed=1", f"{server}/x.tar")
    host = server.removeprefix("http://")
    assert [each.name for each in found[:3]] == [f"{host}/000.png", f"{host}/004.png", "x.tar/000.png"]
    assert [outcome(each) for each in found] == [SHA256["000.png"], SHA256["004.png"], *SHA256.values()]


def test_a_server_that_fails_is_asked_again(server: str) -> None:
    (found,) = listed(f"{server}/000.png")
    Server.broken = 2
    assert outcome(found) == SHA256["000.png"]
    Server.broken = 99
    assert "(500, " in outcome(found) and outcome(found).endswith("run the same command again later")
    with pytest.raises(InputError, match=r"500.*run the same command again later"):
        listed(f"{server}/x.tar")
    Server.broken = 0
    assert len(listed(f"{server}/x.tar")) == 5


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    with pytest.raises(InputError, match=r"the store does not give it .*run the same command again later"):
        listed("http://127.0.0.1:9/x.tar")


def test_what_is_not_there(server: str) -> None:
    (found,) = listed(f"{server}/none.png")
    assert "no such file" in outcome(found)
    with pytest.raises(InputError, match=r"none\.tar: no such file"):
        listed(f"{server}/none.tar")


def test_a_server_without_ranges(server: str) -> None:
    Server.ranges = False
    (found,) = listed(f"{server}/000.png")
    assert outcome(found) == SHA256["000.png"]
    assert {outcome(each) for each in listed(f"{server}/x.tar")} == {
        f"{server}/x.tar: the server sends whole files only: copy it here first"
    }
