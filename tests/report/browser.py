"""A page in headless Chromium, where Playwright's Python package and a Chromium are installed."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def why_not() -> str:
    """Return why there is no browser; empty where there is one."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install playwright"
    return "" if CHROMIUM else "there is no Chromium: apt-get install chromium"


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Start Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in a browser's tab: `console` and `errors` are what it said, `requests` what it asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, **context: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 860}, **context)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(10_000)
        self.console: list[str] = []
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tab.on("console", lambda message: self.console.append(message.text))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("dialog", self._dismiss)
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.goto(path.as_uri())

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements that a selector finds."""
        return list(self.tab.locator(selector).all_text_contents())

    def require_count(self, selector: str, count: int) -> None:
        """Wait until a selector finds so many elements."""
        from playwright.sync_api import expect

        expect(self.tab.locator(selector)).to_have_count(count)

    def _dismiss(self, dialog: Any) -> None:
        self.errors.append("a dialog")
        dialog.dismiss()

    def close(self) -> None:
        """Close the tab; nothing may have gone wrong in it."""
        self.context.close()
        assert not self.console and not self.errors
