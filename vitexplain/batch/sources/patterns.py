"""Patterns: which of a source's files are wanted, by the globs of `--include` and `--exclude`."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from vitexplain.errors import UsageError
from vitexplain.images.files import shown

EXCLUDED = "excluded"
"""What files are counted as that a glob leaves out."""


@dataclass(frozen=True)
class Patterns:
    """Globs as .gitignore has them, over the path below the folder, or the name in the tar, case included.

    One without slash is about the name of a file or of any folder above it, one with a slash about the whole path. `*`
    and `?` stop at slashes, `**` does not. What names a folder is about all that is in it. A file is wanted if no
    `exclude` is about it and, where there are `include`s, one of them is.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for option in ("include", "exclude"):
            for glob in getattr(self, option):
                if not glob.strip("/"):
                    raise UsageError(
                        f"`{option}={shown(glob)}` is no pattern: give one such as *.jpg or thumbnails or 2024/**"
                    )

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.include or self.exclude)

    def wants(self, path: str) -> bool:
        """Whether the file at this path below its source is wanted."""
        if any(_regex(glob).match(path) for glob in self.exclude):
            return False
        return not self.include or any(_regex(glob).match(path) for glob in self.include)


@functools.lru_cache(maxsize=256)
def _regex(glob: str) -> re.Pattern[str]:
    """Return what matches the paths that a glob is about."""
    inner = glob.rstrip("/")
    below = "/.*" if inner != glob else "(?:/.*)?"
    above = "" if "/" in inner else "(?:.*/)?"
    return re.compile(f"{above}{_translated(inner.removeprefix('/'))}{below}\\Z", re.DOTALL)


def _translated(glob: str) -> str:
    made, at = [], 0
    while at < len(glob):
        end = glob.find("]", at + 2 + (glob[at + 1 : at + 2] in ("!", "^"))) if glob[at] == "[" else -1
        if glob.startswith("**/", at):
            made.append("(?:.*/)?")
            at += 3
        elif glob.startswith("**", at):
            made.append(".*")
            at += 2
        elif end > 0:
            inside = glob[at + 1 : end]
            negated = inside[0] in "!^"
            choice = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[negated:])
            made.append(f"(?!/)[{'^' * negated}{choice}]")
            at = end + 1
        else:
            made.append({"*": "[^/]*", "?": "[^/]"}.get(glob[at], re.escape(glob[at])))
            at += 1
    return "".join(made)
