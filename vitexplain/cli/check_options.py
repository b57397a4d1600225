"""The options of the check: whether explanations are checked on their own pictures, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.cli.groups import METHOD, Group, option

if TYPE_CHECKING:
    from vitexplain.pipeline import PictureCheck

SHARED = ("fill", "seed")
"""Flags of methods that removing patches uses, too: `--fill` of blank-out, `--seed` of the random control."""


@dataclass(frozen=True)
class CheckOptions(Group):
    """Whether every explanation is checked by removing patches and asking the model again."""

    panel: ClassVar[str] = METHOD
    check: bool = option(
        False,
        "Check every map on its picture: the prediction without its highest patches, with them alone, beside random "
        "ones, and how few patches keep it. About 32 forward passes for an image's first map, 20 for every other one. "
        "--fill and --seed apply.",
    )
    check_share: float | None = option(
        None,
        "Share of the patches that the check removes at once (0.1). Implies --check.",
        metavar="SHARE",
        expert=True,
    )

    def picture_check(self, flags: Mapping[str, str], *, outline: bool) -> PictureCheck | None:
        """Return how explanations are checked, None: they are not; `flags` are those of methods, as text.

        Drawing the outline needs the check. UsageError for a value that is not valid.
        """
        if not (self.check or outline or self.check_share is not None):
            return None
        from vitexplain.pipeline import PictureCheck

        share: dict[str, Any] = {} if self.check_share is None else {"share": self.check_share}
        return PictureCheck(**share, **removal_options(flags))


def removal_options(flags: Mapping[str, str]) -> dict[str, Any]:
    """Return what replaces removed patches (`fill`) and the `seed` of what is random, as `flags` (name -> text) say."""
    from vitexplain.methods.blank_out import BlankOut
    from vitexplain.methods.random import Random
    from vitexplain.options import read_option

    owners, methods = {"fill": BlankOut, "seed": Random}, {"fill": BlankOut(), "seed": Random()}
    return {
        name: read_option(owners[name], name, flags[name]) if name in flags else getattr(methods[name], name)
        for name in SHARED
    }
