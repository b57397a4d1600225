"""Tars: what is listed of them, that their pictures are those that were put in, and that nothing in them does harm."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import tarfile
from pathlib import Path

import pytest

from tests.batch.mixed_files import encoded
from tests.batch.sources.containers import keys, listed, outcome, tar_of
from vitexplain.batch.inputs import Input
from vitexplain.batch.sources.container import Container
from vitexplain.batch.sources.tar import TarMember
from vitexplain.batch.sources.tar_members import Members
from vitexplain.errors import InputError, UsageError, VitexplainError

PICTURES = {f"{'ab'[number % 2]}/{number:03}.png": encoded("PNG", number) for number in range(9)}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("name", "mode"), [("x.tar", "w"), ("x.tar.gz", "w:gz"), ("x.tgz", "w:gz"), ("x.tar", "w:gz")])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_read_in_their_order_or_any_other(
    name: str, mode: str, form: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarfile, "DEFAULT_FORMAT", form)
    path = write(tmp_path / name, tar_of(PICTURES.items(), mode))
    found = listed(path)
    assert [each.name for each in found] == list(PICTURES)
    assert [each.path for each in found] == [f"{path}/{key}" for key in PICTURES]
    mixed = random.Random(1).sample(found, len(found))
    assert {each.name: outcome(each) for each in mixed} == {key: sha256(data) for key, data in PICTURES.items()}


def test_long_names_and_names_that_are_no_utf8(tmp_path: Path) -> None:
    names = [
        "long/" * 60 + "a.png",
        os.fsdecode(b"b\xff\xe9.png"),
        "./c/./d.png",
        "/root/e.png",
        "../../f.png",
        "\n.png",
    ]
    path = write(tmp_path / "x.tar", tar_of((name, encoded("PNG", 1)) for name in names))
    expected = [names[0], names[1], "c/d.png", "root/e.png", "../../f.png", "\n.png"]
    assert keys(path) == expected
    assert {outcome(each) for each in listed(path)} == {sha256(encoded("PNG", 1))}


def test_labels_of_webdataset(tmp_path: Path) -> None:
    data = encoded("PNG", 1)
    members = [
        ("a/1.cls", b"7\n"),
        ("a/1.png", data),
        ("a/1.seg.png", data),
        ("a/2.png", data),
        ("a/2.json", json.dumps({"label": "elm", "kind": 3}).encode()),
        ("b/2.png", data),
        ("b/3.png", data),
        ("b/3.json", b"{broken"),
        ("b/3.txt", b"oak"),
        ("4.png", data),
        ("4.CLS", b"ash"),
        ("4.json", b'{"label": "elm"}'),
    ]
    path = write(tmp_path / "x.tar", tar_of(members))

    def truths(class_from: str | None) -> list[object]:
        return [each.truth for each in listed(path, class_from=class_from)]

    assert keys(path) == ["a/1.png", "a/1.seg.png", "a/2.png", "b/2.png", "b/3.png", "4.png"]
    assert truths(None) == [7, 7, "elm", None, None, "ash"]
    assert truths("cls") == [7, 7, None, None, None, "ash"]
    assert truths("label") == [None, None, "elm", None, None, "elm"]
    assert truths("kind") == [None, None, 3, None, None, None]
    assert truths("txt") == [None, None, None, None, "oak", None]
    assert truths("parent") == ["a", "a", "a", "b", "b", None]
    assert truths("none") == [None] * 6
    with pytest.raises(UsageError, match=r"`class_from=nonsense`: no picture of .*x\.tar has a label .*\.json"):
        truths("nonsense")
    from vitexplain.batch.sources.given import sources_of

    (unit,) = sources_of([str(path)]).units()
    assert unit.listing().aside == {".txt": 1}


def test_a_later_member_of_the_same_name_takes_precedence_as_it_does_for_tar(tmp_path: Path) -> None:
    first, second = encoded("PNG", 1), encoded("PNG", 2)
    path = write(tmp_path / "x.tar", tar_of([("a.png", first), ("b.png", first), ("./a.png", second)]))
    assert {each.name: outcome(each) for each in listed(path)} == {"b.png": sha256(first), "a.png": sha256(second)}


def test_archives_one_behind_the_other(tmp_path: Path) -> None:
    """As `cat a.tar b.tar` makes them, which WebDataset reads whole."""
    one, two = tar_of(list(PICTURES.items())[:4]), tar_of(list(PICTURES.items())[4:])
    assert keys(write(tmp_path / "x.tar", one + two)) == list(PICTURES)
    assert keys(write(tmp_path / "y.tar.gz", gzip.compress(one + two))) == list(PICTURES)


def test_without_the_zeros_at_the_end_it_is_still_whole(tmp_path: Path) -> None:
    data = tar_of(PICTURES.items())
    assert keys(write(tmp_path / "x.tar", data.rstrip(b"\0") + bytes(512 - len(data.rstrip(b"\0")) % 512))) == list(
        PICTURES
    )


@pytest.mark.parametrize("packed", [False, True])
def test_cut_short_anywhere_what_is_whole_is_done_and_one_picture_says_so(packed: bool, tmp_path: Path) -> None:
    data = tar_of(PICTURES.items())
    ends = []
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for info in archive:
            ends.append(info.offset_data + info.size)
    generator = random.Random(2)
    for at in [*(generator.randrange(513, ends[-1]) for _ in range(60)), ends[3] - 1, ends[3], ends[3] + 1]:
        cut = data[:at]
        path = write(tmp_path / "x.tar", gzip.compress(cut) if packed else cut)
        whole = sum(end <= at for end in ends)
        found = listed(path) if whole or at > 512 else []
        good = [each for each in found if each.problem is None]
        assert [each.name for each in good] == list(PICTURES)[:whole], at
        assert all(outcome(each) == sha256(PICTURES[each.name]) for each in good)
        bad = [each for each in found if each.problem is not None]
        between = whole > 0 and at == -(-ends[whole - 1] // 512) * 512
        assert len(bad) == (not between), at
        assert all("cut short" in (each.problem or "") and str(path) in (each.problem or "") for each in bad)


def test_a_gzip_stream_cut_short(tmp_path: Path) -> None:
    whole = tar_of(PICTURES.items(), "w:gz")
    for share in (0.3, 0.6, 0.99):
        found = listed(write(tmp_path / "x.tar.gz", whole[: int(len(whole) * share)]))
        assert [each.problem is None for each in found] == [True] * (len(found) - 1) + [False]
        assert [each.name for each in found[:-1]] == list(PICTURES)[: len(found) - 1]
        assert all(outcome(each) == sha256(PICTURES[each.name]) for each in found[:-1])


def test_a_tar_that_is_shorter_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar", tar_of(PICTURES.items()))
    found = listed(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert "the tar ends before the picture does" in outcome(found[-1])
    path.unlink()
    assert "no such file" in outcome(found[-1])


def hostile() -> bytes:
    """Return a tar with one picture among members that would harm one who extracts them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, kind, link in [
            ("link.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("hard.png", tarfile.LNKTYPE, "/etc/shadow"),
            ("null.png", tarfile.CHRTYPE, ""),
            ("disk.png", tarfile.BLKTYPE, ""),
            ("pipe.png", tarfile.FIFOTYPE, ""),
            ("folder.png", tarfile.DIRTYPE, ""),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.devmajor, info.devminor = kind, link, 1, 3
            archive.addfile(info)
        info = tarfile.TarInfo("/etc/good.png")
        info.size = len(PICTURES["a/000.png"])
        archive.addfile(info, io.BytesIO(PICTURES["a/000.png"]))
    return stream.getvalue()


def test_links_and_devices_are_left_aside(tmp_path: Path) -> None:
    from vitexplain.batch.sources.given import sources_of

    path = write(tmp_path / "x.tar", hostile())
    (unit,) = sources_of([str(path)]).units()
    listing = unit.listing()
    assert [(each.name, outcome(each)) for each in listing.pictures] == [
        ("etc/good.png", sha256(PICTURES["a/000.png"]))
    ]
    assert listing.aside == {"links": 2, "devices and pipes": 3}
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]


def header(name: str, size: bytes, kind: bytes = b"0") -> bytes:
    """Return a member's header with any size in its field."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size.ljust(12, b"\0")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


EIGHT_GIB = b"\x80" + (8 << 30).to_bytes(11, "big")
NEGATIVE = b"\xff" * 12
BACK = b"\xff" + (-1024).to_bytes(11, "big", signed=True)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L", b"K", b"S", b"X"])
@pytest.mark.parametrize("size", [EIGHT_GIB, b"\x80" + b"\xff" * 11, NEGATIVE, BACK, b"77777777777", b"nonsense"])
def test_sizes_that_lie_cost_no_memory_and_no_time(size: bytes, kind: bytes, packed: bool, tmp_path: Path) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    good = tar_of([("a.png", PICTURES["a/000.png"])]).rstrip(b"\0")
    good += bytes(-len(good) % 512)
    data = good + header("b.png", size, kind) + bytes(2048) + good
    path = write(tmp_path / "x.tar", gzip.compress(data) if packed else data)
    found = listed(path)
    assert (found[0].name, outcome(found[0])) == ("a.png", sha256(PICTURES["a/000.png"]))
    # A sparse file of -1 bytes is one of none, left aside.
    assert size == NEGATIVE or (len(found) == 2 and found[1].problem is not None)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_sparse_member_is_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with (tmp_path / "holes.png").open("wb") as file:
        file.truncate(50_000_000)
        file.write(b"x")
    (tmp_path / "a.png").write_bytes(PICTURES["a/000.png"])
    assert os.system(f"cd {tmp_path} && tar --sparse -cf x.tar holes.png a.png") == 0
    from vitexplain.batch.sources.given import sources_of

    (unit,) = sources_of([str(path)]).units()
    listing = unit.listing()
    assert [each.name for each in listing.pictures] == ["a.png"] and listing.aside == {"sparse files": 1}


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vitexplain.batch.sources.tar_members.ALWAYS", 2**20)
    bomb = header("bomb.png", b"%011o\0" % (200 << 20)) + bytes(200 << 20)
    path = write(tmp_path / "x.tar.gz", gzip.compress(tar_of([("a.png", b"x")])[:1024] + bomb, 1))
    good, bad = listed(path)
    assert good.name == "a.png" and bad.problem is not None and "unpacks to" in bad.problem


def test_any_damage_ends_in_words(tmp_path: Path) -> None:
    data = bytearray(tar_of([*PICTURES.items(), ("deep/" * 40 + "x.png", PICTURES["a/000.png"]), ("a/000.cls", b"3")]))
    generator = random.Random(3)
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(generator.randrange(1, 6)):
            place = generator.randrange(len(broken) // 512) * 512 + generator.randrange(512)
            broken[place] = generator.randrange(256)
        path = write(tmp_path / "x.tar", bytes(broken))
        try:
            found = listed(path)
        except VitexplainError as error:
            assert "\n" not in str(error)
            continue
        assert len({each.name for each in found}) == len(found)
        for each in found:
            outcome(each)


def test_what_is_no_tar(tmp_path: Path) -> None:
    for data, words in [
        (b"", "no tar that can be read"),
        (b"this is no tar" * 100, "no tar that can be read"),
        (b"\x1f\x8b" + bytes(100), "no tar that can be read"),
        (bytes(10240), "no picture in it"),
        (tar_of([("readme.txt", b"x"), ("x.tar", b"y")]), r"no picture in it \(left aside: 1 \.tar .*1 \.txt"),
    ]:
        with pytest.raises(InputError, match=words):
            listed(write(tmp_path / "x.tar", data))
    (tmp_path / "x.tar").unlink()
    os.mkfifo(tmp_path / "x.tar")
    with pytest.raises(InputError, match="a pipe"):
        listed(tmp_path / "x.tar")


def test_a_damaged_tar_among_others_is_one_picture_that_failed(tmp_path: Path) -> None:
    good = write(tmp_path / "a.tar", tar_of(PICTURES.items()))
    bad = write(tmp_path / "b.tar", b"no tar at all")
    found = listed(good, bad)
    assert [each.name for each in found] == [*(f"a.tar/{key}" for key in PICTURES), "b.tar"]
    assert found[-1].problem is not None and "no tar that can be read" in found[-1].problem


def test_a_tar_without_pictures_among_others_ends_no_run(tmp_path: Path) -> None:
    good = write(tmp_path / "a.tar", tar_of(PICTURES.items()))
    none = write(tmp_path / "b.tar", tar_of([("readme.txt", b"x")]))
    found = listed(good, none)
    assert found[-1].name == "b.tar" and "no picture in it (left aside: 1 .txt" in (found[-1].problem or "")
    others = write(tmp_path / "b.tar", tar_of([("other.png", b"x")]))
    assert [each.name for each in listed(good, others, exclude=("other.png",))] == [f"a.tar/{key}" for key in PICTURES]


def test_globs_are_about_the_names_in_the_tar(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar", tar_of(PICTURES.items()))
    assert keys(path, include=("a",), exclude=("*4.png",)) == ["a/000.png", "a/002.png", "a/006.png", "a/008.png"]


def test_a_picture_larger_than_any_may_be_is_not_read(tmp_path: Path) -> None:
    place = TarMember(Container(str(tmp_path / "x.tar")), "x.tar/a.png", 0, 2 << 30)
    assert "more than 1024 MiB" in outcome(Input("x.tar/a.png", "a.png", place))


def test_the_walk_agrees_with_tarfile(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar", tar_of(PICTURES.items()))
    with path.open("rb") as stream, tarfile.open(path) as archive:
        ours = [(each.name, each.offset, each.size) for each in Members(stream, path.stat().st_size)]
        assert ours == [(each.name, each.offset_data, each.size) for each in archive.getmembers()]
