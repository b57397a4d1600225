"""MethodSpec: `NAME` or `NAME:key=value,key=value` as methods with checked options."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vitexplain.errors import UsageError
from vitexplain.likeness import alike
from vitexplain.methods.attn_lrp import AttnLrp
from vitexplain.methods.blank_out import BlankOut
from vitexplain.methods.flow import Flow
from vitexplain.methods.input_gradient import InputGradient
from vitexplain.methods.integrated_gradients import IntegratedGradients
from vitexplain.methods.legrad import LeGrad
from vitexplain.methods.libra import Libra
from vitexplain.methods.mean import Mean
from vitexplain.methods.method import Method, canonical_spec
from vitexplain.methods.random import Random
from vitexplain.methods.raw import Raw
from vitexplain.methods.relevance import Relevance
from vitexplain.methods.rollout import Rollout
from vitexplain.options import bare_option, options_in, read_option, write_option

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Raw,
        Rollout,
        Flow,
        Relevance,
        LeGrad,
        AttnLrp,
        Libra,
        IntegratedGradients,
        InputGradient,
        BlankOut,
        Mean,
        Random,
    )
}
"""Every method by its name; a new one is one file and one line here."""

# A comma separates options only where `key=` follows: source=patch:3,4 has a comma of its own.
_SEPARATOR = re.compile(r",(?=[a-z_]+=)")
_OPTION = re.compile(r"[a-z_]+=[^,]*")


def parse_spec(text: str, defaults: Mapping[str, str] | None = None) -> Method:
    """Return the method that `text` describes; `defaults` (name -> text) hold for the options it has and leaves out."""
    name, colon, rest = text.partition(":")
    if name not in METHODS:
        near = alike(name, METHODS)
        hint = f"did you mean {near[0]}? " if near else ""
        if name.partition(",")[0] in METHODS:
            hint = f"options follow a colon, {name.replace(',', ':', 1)}; "
        raise UsageError(f"method '{name}' does not exist: {hint}methods are {', '.join(METHODS)}")
    method = METHODS[name]
    known = options_in(method)
    texts = {key: value for key, value in (defaults or {}).items() if key in known and known[key].help}
    bare = bare_option(method)
    for part in _options(rest, bare) if colon else ():
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"method '{text}': expected key=value after ':', given '{part}'")
        if key not in known:
            raise UsageError(f"method '{name}' has no option '{key}': it has {', '.join(known)}")
        texts[key] = value
    if "head" in texts and "fusion" in texts:
        raise UsageError(f"method '{text}': head and fusion cannot be combined: give one of them")
    return method(**{key: read_option(method, key, value) for key, value in texts.items()})


def _options(written: str, bare: str | None) -> list[str]:
    """Return the options of a spec, each as `key=value`; what follows them is the value of the option `bare`."""
    if bare is None:
        return _SEPARATOR.split(written)
    found = []
    while first := _OPTION.match(written):
        found.append(first[0])
        written = written[first.end() + 1 :]
    return [*found, f"{bare}={written}"] if written or not found else found


def parse_methods(
    specs: str | Method | Sequence[str | Method], defaults: Mapping[str, str] | None = None
) -> tuple[Method, ...]:
    """Return the methods in the order given, each once; a value in a spec takes precedence over `defaults`.

    UsageError for a default that no chosen method takes: none has that option, or each one's spec says otherwise.
    """
    if isinstance(specs, str) or not isinstance(specs, Sequence):
        specs = [specs]
    methods = [parse_spec(spec, defaults) if isinstance(spec, str) else spec for spec in specs]
    if not methods:
        raise UsageError(f"no method given: choose from {', '.join(METHODS)}")
    for key, text in (defaults or {}).items():
        having = [method for method in methods if _has_flag(method, key)]
        if not having:
            chosen = ", ".join(dict.fromkeys(method.name for method in methods))
            raise UsageError(f"`{key}=` has no effect: none of the chosen methods ({chosen}) has that option")
        if all(getattr(method, key) != read_option(type(method), key, text) for method in having):
            own = dict.fromkeys(f"{method.name}:{key}={write_option(method, key)}" for method in having)
            raise UsageError(
                f"`{key}={text}` has no effect beside `methods={' and '.join(own)}`: leave one of them out"
            )
    return tuple({canonical_spec(method): method for method in methods}.values())


def _has_flag(method: Method, key: str) -> bool:
    """Return whether the method has the option, and it is not one that is given in specs only."""
    option = options_in(type(method)).get(key)
    return option is not None and option.help is not None
