"""RemoteDestination against a store in memory and against a real S3 server on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.output.s3 import s3_server
from vitexplain.errors import MissingExtraError, OutputError, UsageError
from vitexplain.output import FolderDestination
from vitexplain.output.destination import Destination, destination_of
from vitexplain.output.remote import RemoteDestination

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["folder", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    """A new destination of each kind."""
    if request.param == "folder":
        yield destination_of(f"file://{tmp_path}/run")
    elif request.param == "memory":
        yield destination_of(f"memory://{secrets.token_hex(4)}/run")
    else:
        with s3_server("bucket"):
            yield destination_of("s3://bucket/deep/run/")


def test_all_destinations_behave_alike(place: Destination) -> None:
    assert place.get("manifest.json", 10) is None
    assert place.size("parts/a.json") is None
    assert list(place.names("parts")) == []
    place.remove("parts/a.json")
    place.put("parts/a.json", b"abc")
    place.put("parts/b c\u00e9/#?%.png", b"")
    place.put("parts.txt", b"beside")
    spooled = place.spool()
    spooled.write_bytes(b"x" * 3_000_000)
    place.put("pictures/00000.tar", spooled)
    assert not spooled.exists()
    assert place.size("pictures/00000.tar") == 3_000_000
    assert place.size("pictures") is None
    assert sorted(place.names("parts")) == ["parts/a.json", "parts/b c\u00e9/#?%.png"]
    assert len(list(place.names(""))) == 4
    place.put("parts/a.json", b"second")
    assert place.get("parts/a.json", 6) == b"second"
    with pytest.raises(OutputError, match="6 bytes, expected at most 5"):
        place.get("parts/a.json", 5)
    place.remove("parts/a.json")
    assert place.get("parts/a.json", 10) is None
    # Another process sees what was written, and what was removed.
    again = destination_of(str(place))
    assert list(again.names("parts")) == ["parts/b c\u00e9/#?%.png"]


def test_a_local_address_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(destination_of(f"file://{tmp_path}"), FolderDestination)
    assert isinstance(destination_of(str(tmp_path)), FolderDestination)


def test_what_is_no_place() -> None:
    with pytest.raises(UsageError, match="nothing is known of carrier://, expected s3://"):
        destination_of("carrier://pigeon")
    with pytest.raises(UsageError, match="a chain of addresses"):
        destination_of("zip://a::s3://b/c.zip")
    with pytest.raises(UsageError, match="https:// is only read"):
        destination_of("https://example.org/run")


def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("no gcsfs", name="gcsfs")

    monkeypatch.setattr(fsspec, "url_to_fs", missing)
    with pytest.raises(MissingExtraError, match=r"gs:// needs gcsfs, which is not installed: pip install gcsfs$"):
        destination_of("gs://bucket/run")
    with pytest.raises(MissingExtraError, match=r"s3:// needs s3fs, .*: pip install 'vitexplain\[remote\]'$"):
        destination_of("s3://bucket/run")


def in_one_line(error: OutputError) -> str:
    """Return the message, which must be short and on one line."""
    text = str(error)
    assert "\n" not in text and len(text) < 400
    return text


def test_a_bucket_that_does_not_exist() -> None:
    with s3_server("bucket"):
        place = RemoteDestination("s3://other/run")
        for ask in (lambda: place.get("a", 1), lambda: place.put("a", b""), lambda: list(place.names(""))):
            with pytest.raises(OutputError, match=r"bucket does not exist.*make the bucket") as caught:
                ask()
            in_one_line(caught.value)


def test_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server("bucket"):
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        with pytest.raises(OutputError, match=r"credentials.*set the variables of the store") as caught:
            RemoteDestination("s3://bucket/run").put("a", b"")
        in_one_line(caught.value)


def test_a_bucket_that_answers_500_for_a_while() -> None:
    with s3_server("bucket") as store:
        place = RemoteDestination("s3://bucket/run")
        store.writes = 0
        with pytest.raises(OutputError, match=r"cannot be written .*again later to resume") as caught:
            place.put("a", b"abc")
        assert "Internal Server Error" in in_one_line(caught.value)
        with pytest.raises(OutputError, match="cannot be read"):
            place.size("a")
        store.writes = None
        place.put("a", b"abc")
        assert place.get("a", 3) == b"abc"


def test_a_bucket_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fsspec.config.conf, "s3", {"config_kwargs": {"read_timeout": 0.2}})
    with s3_server("bucket") as store:
        store.delay = 1.0
        with pytest.raises(OutputError, match=r"cannot be read .*again later to resume") as caught:
            RemoteDestination("s3://bucket/run").size("a")
        assert "timeout" in in_one_line(caught.value).lower()
        store.delay = 0.0
