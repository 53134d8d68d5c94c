"""Names for a choice of model, provider, tags, parameters and headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT = "auto"
LOCAL = ("ollama", "llama.cpp")
"""Providers whose models run on the user's own machines."""


class AliasError(ValueError):
    """An alias cannot be used. The text is one sentence: the name, and what is accepted."""


@dataclass(frozen=True, slots=True)
class Alias:
    """One alias as written. A tag of None is left out of the request; `extends` names the alias it builds on."""

    model: str | None = None
    provider: str | None = None
    tags: Mapping[str, str | None] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    strategy: str | None = None
    extends: str | None = None


BUILT_IN: Mapping[str, Alias] = {
    "auto": Alias(model="auto"),
    "code-fast": Alias(extends="auto", tags={"latency": "low", "budget": "frugal"}),
    "code-plus": Alias(extends="auto", tags={"latency": "medium", "budget": "standard"}),
    "code-smart": Alias(extends="auto", tags={"latency": "high", "budget": "premium"}),
    "reason-deep": Alias(extends="code-smart", tags={"reasoning": "deep"}),
    "local": Alias(extends="auto", provider=",".join(LOCAL), tags={"budget": "frugal"}),
}


def chain(name: str, own: Mapping[str, Alias]) -> tuple[tuple[str, Alias], ...]:
    """The alias and those it extends, the most basic first. `own` are the user's, over the built-in ones.

    Extending one's own name means the built-in alias of that name.

    Raises:
        AliasError: a name is unknown, or the aliases extend each other in a circle.
    """
    links: list[tuple[str, Alias]] = []
    names: list[str] = []
    wanted, asked_by = name, ""
    while True:
        extends_built_in = wanted == asked_by and names.count(wanted) == 1 and wanted in BUILT_IN
        if wanted in names and not extends_built_in:
            raise AliasError(f"the aliases extend each other in a circle: {' → '.join([*names, wanted])}")
        alias = BUILT_IN.get(wanted) if extends_built_in else own.get(wanted, BUILT_IN.get(wanted))
        if alias is None:
            accepted = ", ".join(sorted({*BUILT_IN, *own}))
            by = f" (alias {asked_by} extends it)" if asked_by else ""
            raise AliasError(f"unknown alias `{wanted}`{by}: accepted are {accepted}")
        names.append(wanted)
        links.append((wanted, alias))
        if alias.extends is None:
            return tuple(reversed(links))
        wanted, asked_by = alias.extends, wanted
