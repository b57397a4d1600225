"""The page: markup, style and scripts of this package in one document, with the data in elements of their own."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from vitexplain import __version__
from vitexplain.report.packed import script_json

MARK = b'<meta name="generator" content="vitexplain report'
"""What stands near the start of every page, by which it is known."""

SCRIPTS = ("data.js", "drawing.js", "gallery.js", "viewer.js", "summary.js", "main.js")
"""In the order in which they run."""


def page(title: str, about: Mapping[str, Any], images: Iterable[Mapping[str, Any]], pictures: Iterable[bytes]) -> bytes:
    """Return the HTML; `about` is what concerns the whole folder, `images` come from `packed`, `pictures` are JPEG.

    Its policy lets only these scripts run, and lets them ask for nothing but pictures beside the page.
    """
    style, scripts = _asset("style.css"), [_asset(name) for name in SCRIPTS]
    policy = (
        "default-src 'none'; img-src 'self' file: data:; "
        f"style-src {_digest(style)}; script-src {' '.join(map(_digest, scripts))}; base-uri 'none'; form-action 'none'"
    )
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        f'{MARK.decode("ascii")} {__version__}">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{style}</style></head>",
        _asset("body.html"),
        _data("about", [script_json(about)]),
        _data("images", map(script_json, images)),
        _data("pictures", (base64.b64encode(each).decode("ascii") for each in pictures)),
        *(f"<script>{script}</script>" for script in scripts),
        "</body></html>\n",
    ]
    return "\n".join(parts).encode("utf-8", "replace")


def _data(name: str, lines: Iterable[str]) -> str:
    """Return a script element that runs nothing and holds lines."""
    return f'<script type="text/plain" id="{name}-data">' + "\n".join(lines) + "</script>"


def _asset(name: str) -> str:
    return (files("vitexplain.report") / "page" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
