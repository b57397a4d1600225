"""Remote stores through fsspec: in memory, and one that is slow, one that fails, one whose package is missing."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import keys, listed, outcome, table_at, tar_of
from vitexplain.batch.sources import remote
from vitexplain.batch.sources.given import sources_of
from vitexplain.errors import InputError, UsageError
from vitexplain.output.stores import is_remote

fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
from tests.batch.sources.counted_store import Counted  # noqa: E402

PICTURES = {f"{'ab'[number % 2]}/{number:03}.png": encoded("PNG", number) for number in range(9)}
SHA256 = {key: hashlib.sha256(data).hexdigest() for key, data in PICTURES.items()}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """The store, filled with a folder, a tar and what is no picture."""
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.0))
    fsspec.register_implementation("counted", Counted, clobber=True)
    store = Counted()
    for key, data in PICTURES.items():
        store.pipe(f"/bucket/photos/{key}", data)
    store.pipe("/bucket/photos/notes.txt", b"x")
    store.pipe("/bucket/photos/before/manifest.json", b'{"schema": "vitexplain-batch/1"}')
    store.pipe("/bucket/photos/before/old.png", PICTURES["a/000.png"])
    store.pipe("/bucket/shards/one.tar", tar_of(PICTURES.items()))
    store.pipe("/bucket/shards/two.tar.gz", tar_of(PICTURES.items(), "w:gz"))
    yield store
    Counted.empty()


@pytest.mark.usefixtures("store")
def test_a_folder_a_file_a_tar() -> None:
    folder = listed("counted://bucket/photos/")
    assert [each.name for each in folder] == sorted(PICTURES)
    assert [each.path for each in folder] == [f"counted://bucket/photos/{key}" for key in sorted(PICTURES)]
    assert {each.name: outcome(each) for each in folder} == SHA256
    (single,) = listed("counted://bucket/photos/a/000.png")
    assert (single.name, outcome(single)) == ("bucket/photos/a/000.png", SHA256["a/000.png"])
    for name in ("one.tar", "two.tar.gz"):
        tar = listed(f"counted://bucket/shards/{name}")
        assert [each.name for each in tar] == list(PICTURES)
        assert {each.name: outcome(each) for each in tar} == SHA256


def test_each_picture_of_a_folder_or_a_tar_is_one_request(store: Counted) -> None:
    for address in ("counted://bucket/photos", "counted://bucket/shards/one.tar"):
        found = listed(address)
        store.requests.clear()
        assert all(len(outcome(each)) == 64 for each in found)
        assert sorted(store.requests) == sorted(map(len, PICTURES.values()))


def test_what_is_no_input_of_a_folder(store: Counted) -> None:
    (unit,) = sources_of(["counted://bucket/photos"], out="counted://bucket/photos/b").units()
    listing = unit.listing()
    assert [each.name for each in listing.pictures] == [key for key in sorted(PICTURES) if key.startswith("a/")]
    assert listing.aside == {".txt": 1}
    assert keys("counted://bucket/photos", include=("b",), exclude=("*3.png",)) == [
        "b/001.png",
        "b/005.png",
        "b/007.png",
    ]
    store.pipe("/bucket/none/notes.txt", b"x")
    with pytest.raises(InputError, match=r"counted://bucket/none: no picture in it \(left aside: 1 \.txt"):
        listed("counted://bucket/none")


@pytest.mark.usefixtures("store")
def test_several_and_patterns_of_addresses() -> None:
    assert keys("counted://bucket/shards/*.tar*") == [
        *(f"one.tar/{key}" for key in PICTURES),
        *(f"two.tar.gz/{key}" for key in PICTURES),
    ]
    with pytest.raises(InputError, match="nothing has such a name"):
        keys("counted://bucket/shards/*.zip")


@pytest.mark.usefixtures("store")
def test_what_is_not_there() -> None:
    for address in ("counted://bucket/none", "counted://bucket/none.tar"):
        with pytest.raises(InputError, match=r"no such f.*: check the address"):
            listed(address)
    (missing,) = listed("counted://bucket/none.png")
    assert "no such file: check the address" in outcome(missing)


def test_a_store_that_fails_for_a_moment_is_asked_again(store: Counted) -> None:
    found = listed("counted://bucket/photos")
    Counted.troubles[:] = [OSError("500 Internal Server Error"), TimeoutError()]
    assert outcome(found[0]) == SHA256[found[0].name]
    Counted.troubles[:] = [OSError("500 Internal Server Error")] * 3
    said = outcome(found[0])
    assert (
        said.startswith(found[0].path) and "500 Internal Server Error" in said and "run the same command again" in said
    )
    assert store.troubles == []
    Counted.troubles[:] = [PermissionError("Forbidden")]
    assert "not allowed to read it (Forbidden)" in outcome(found[0])


def test_a_store_that_fails_while_a_tar_is_listed_is_no_damaged_tar(store: Counted) -> None:
    Counted.troubles[:] = [OSError("500 Internal Server Error")] * 3
    with pytest.raises(InputError, match="500 Internal Server Error"):
        listed("counted://bucket/shards/one.tar", "counted://bucket/shards/two.tar.gz")
    assert store.troubles == []
    assert len(listed("counted://bucket/shards/one.tar", "counted://bucket/shards/two.tar.gz")) == 18


@pytest.mark.usefixtures("store")
def test_a_slow_store_is_waited_for() -> None:
    Counted.pause = 0.05
    started = time.perf_counter()
    assert {each.name: outcome(each) for each in listed("counted://bucket/shards/one.tar")} == SHA256
    assert time.perf_counter() - started > 9 * 0.05


@pytest.mark.usefixtures("store")
def test_a_remote_table(tmp_path: Any) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    path = table_at(tmp_path / "x.parquet", {"image": list(PICTURES.values()), "label": list(range(9))})
    Counted().pipe("/bucket/x.parquet", path.read_bytes())
    found = listed("counted://bucket/x.parquet")
    assert [outcome(each) for each in found] == list(SHA256.values())
    assert [each.truth for each in found] == list(range(9))
    with pytest.raises(InputError, match="no such file: check the address"):
        listed("counted://bucket/none.parquet")


@pytest.mark.usefixtures("store")
def test_a_remote_tar_that_is_cut_short() -> None:
    data = tar_of(PICTURES.items())
    Counted().pipe("/bucket/cut.tar", data[:9000])
    *good, bad = listed("counted://bucket/cut.tar")
    assert good and all(outcome(each) == SHA256[each.name] for each in good)
    assert bad.problem is not None and "cut short" in bad.problem


def test_protocols() -> None:
    with pytest.raises(UsageError, match="nothing is known of nonsense://, expected s3://"):
        listed("nonsense://x/y")
    with pytest.raises(UsageError, match="a chain of addresses"):
        listed("simplecache://x::s3://y/z")
    with pytest.raises(UsageError, match="a web server lists no folders"):
        listed("https://example.org/photos/")


@pytest.mark.parametrize(
    ("package", "address", "words"),
    [
        ("s3fs", "s3://bucket/photos", r"s3:// needs s3fs.*pip install 'vitexplain\[remote\]'"),
        ("gcsfs", "gs://bucket/photos", r"gs:// needs gcsfs, which is not installed: pip install gcsfs"),
        ("aiohttp", "https://example.org/x.tar", r"https:// needs aiohttp.*pip install 'vitexplain\[remote\]'"),
        ("fsspec", "memory://photos", r"memory:// needs fsspec.*pip install 'vitexplain\[remote\]'"),
    ],
)
def test_without_a_package_it_is_named_with_the_command_that_installs_it(
    package: str, address: str, words: str
) -> None:
    code = (
        f"import sys\nsys.modules[{package!r}] = None\n"
        "from tests.batch.sources.containers import listed\n"
        "from vitexplain.errors import MissingExtraError\n"
        f"try:\n    listed({address!r})\nexcept MissingExtraError as error:\n    print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.search(words, ended.stdout), ended.stdout


def test_a_local_path_is_no_address() -> None:
    assert not is_remote("photos/a.png") and not is_remote("C:x") and not is_remote("a:/b")
    assert is_remote("s3://bucket") and is_remote("HTTPS://example.org/x.png")
