"""Lines are as long as there is room, parts stay whole, and only what the font lacks is escaped."""

from __future__ import annotations

from vitexplain.figures.letters import broken, joined, width, written


def test_lines_fit_and_nothing_is_lost() -> None:
    text = "rollout:discard=0.97,layers=7:12,residual=0.3 " * 4 + "x" * 200
    lines = broken(text, 1.2, 7)
    assert all(width(line, 7) <= 1.2 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert broken("", 1.0, 7) == [""]


def test_a_percent_sign_stays_with_its_number() -> None:
    for room in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        assert not any(line.startswith("%") for line in broken("paths with 42% of it", room, 7))


def test_parts_stay_whole() -> None:
    parts = ["entropy 7.61 of 8.00 bits", "prefix tokens 12%", "sink-limited 90%"]
    assert joined(parts, 10.0, 6) == [" · ".join(parts)]
    assert joined(parts, width(parts[0], 6) + 0.01, 6) == parts


def test_escapes() -> None:
    assert written("Grüße $x$ \u732b\udc80\n") == "Grüße $x$ \\u732b\\udc80 "


def test_flags_stay_whole() -> None:
    text = "tell them apart with --percentile 98 or (--scale-per figure), -m raw, a well-known word"
    for room in (0.9, 1.0, 1.2, 1.5):
        lines = broken(text, room, 7)
        for flag in ("--percentile", "--scale-per", "-m"):
            assert any(flag in line for line in lines), (room, lines)
    assert len(broken("well-known", 0.4, 7)) == 2, "other words may be broken after a dash"
