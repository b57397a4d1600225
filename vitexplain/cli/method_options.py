"""The options of the methods: which ones, the flags that the methods themselves declare, and the class they explain."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vitexplain.cli.check_options import SHARED, CheckOptions
from vitexplain.cli.declared import declared_options, method_names
from vitexplain.cli.groups import METHOD, Group, option, parameter
from vitexplain.cli.output_options import OutputOptions
from vitexplain.cli.picture_options import PictureOptions

if TYPE_CHECKING:
    from vitexplain.methods import Method
    from vitexplain.pipeline import Request

_USUAL = ("fusion", "head", "layers")
"""Options of methods that the help shows among the first."""

_DEFAULT = "attn-lrp over all layers, smooth=0.5; what stands in for it: 'vitexplain guide methods'"


def method_option(default: list[str], shown: bool | str = True) -> Any:
    """Declare --method; `shown` is what the help says of the default."""
    *names, last = method_names()
    return option(
        default,
        f"{', '.join(names)} or {last} ('vitexplain methods' explains them). Options after the name take precedence "
        "over flags: 'raw:head=3,layers=7'. Repeatable.",
        short="-m",
        env=True,
        metavar="SPEC",
        shown=shown,
    )


def target_option(default: list[str], shown: bool | str = True) -> Any:
    """Declare --target; `shown` is what the help says of the default."""
    return option(
        default,
        "The class that class-specific methods explain: top1, topK (the K most probable, except that of --against), "
        "above0.5 (all whose probability, or value, is larger), an index, a label, several of them ('koala,baboon'), "
        "or all; 'not:koala' asks for what lowers one. Repeatable.",
        metavar="CLASS",
        shown=shown,
    )


@dataclass(frozen=True)
class MethodFlags(Group):
    """The flags that the methods declare; each applies to every chosen method that has the option."""

    panel: ClassVar[str] = METHOD
    flags: dict[str, str] = field(default_factory=dict)
    """The flags given, as text by name, which is read as in a spec."""

    @classmethod
    def options(cls) -> dict[str, inspect.Parameter]:
        """Return the group's own options, then those of the methods that have another name."""
        own, declared = super().options(), declared_options()
        return own | {
            name: parameter(
                name,
                each.number or str,
                None,
                cls.panel,
                help=each.help,
                metavar=each.metavar or (None if each.number else "WORD"),
                expert=name not in _USUAL,
                min=each.low,
                max=each.high,
                parser=str,  # The text is read later, as those in specs are, with the same errors.
            )
            for name, each in declared.items()
            if name not in own
        }

    @classmethod
    def given(cls, values: Mapping[str, Any]) -> Any:
        """Return the group with the values that a command was given for its options."""
        own = super().options()
        flags = {name: value for name, value in values.items() if name not in own and value is not None}
        return cls(**{name: value for name, value in values.items() if name in own}, flags=flags)

    def choose_layers(self, specs: Sequence[str]) -> bool:
        """Whether the flags or the specs given say which layers are meant."""
        return "layers" in self.flags or any("layers=" in spec for spec in specs)


@dataclass(frozen=True)
class MethodOptions(MethodFlags):
    """The methods; the default if none is chosen."""

    method: list[str] = method_option([], _DEFAULT)

    def chosen(self, but: Sequence[str] = ()) -> tuple[Method, ...]:
        """Return the methods, the default where none was given; flags in `but` need not be an option of theirs."""
        from vitexplain.methods import options_of
        from vitexplain.pipeline import chosen_methods

        methods = chosen_methods(self.method, {name: text for name, text in self.flags.items() if name not in but})
        known = {name for method in methods for name in options_of(method)}
        flags = {name: text for name, text in self.flags.items() if name not in but or name in known}
        return chosen_methods(self.method, flags)

    def request(
        self,
        target: TargetOptions,
        picture: PictureOptions,
        output: OutputOptions,
        check: CheckOptions,
        *,
        verify: bool = False,
    ) -> Request:
        """Return what is asked of every image; UsageError for options that do not go together."""
        from vitexplain.pipeline import AS_THEY_ARE, VERIFIED, Request

        checked = check.picture_check(self.flags, outline=output.outline)
        methods = self.chosen(but=SHARED if checked else ())
        output.check_files(methods)
        return Request(
            methods,
            picture.view_kind,
            output.top_k,
            picture.limit,
            target.classes,
            target.against,
            target.reference_image,
            VERIFIED if verify else AS_THEY_ARE,
            checked,
        )


@dataclass(frozen=True)
class TargetOptions(Group):
    """The class that is explained, and the one that it is explained against."""

    panel: ClassVar[str] = METHOD
    target: list[str] = target_option(["top1"])
    against: str | None = option(
        None,
        "Explain why the target and not this class, an index or a label: the difference of their logits.",
        metavar="CLASS",
    )
    reference_image: Path | None = option(
        None,
        "For models that return an embedding (CLIP, SigLIP, DINO): a picture; likeness to it, the cosine similarity of "
        "the two embeddings, is explained in place of a class.",
        metavar="IMAGE",
        expert=True,
    )

    @property
    def classes(self) -> str | tuple[str, ...]:
        """The classes as the library takes them: one word as it is, several as a tuple."""
        return self.target[0] if len(self.target) == 1 else tuple(self.target)
