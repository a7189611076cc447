"""Which accounts the direct door asks, and where their keys are: from a mapping, a file, or what variables are set.

Everything is checked before anything is asked, and everything that is wrong is said at once.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from truto_usage_nb.address import checked_url
from truto_usage_nb.direct.engine import Access, DirectVendor
from truto_usage_nb.direct.keys import KeyAt, key_at, told
from truto_usage_nb.direct.vendors import DIRECT_VENDORS, vendor_named
from truto_usage_nb.errors import InputError, UsageError, did_you_mean, tell
from truto_usage_nb.integrations import integration_named
from truto_usage_nb.outside import shown

__all__ = ["DirectAccount", "read_spec", "variables"]

_COMMON = ("integration", "base_url")
_LONGEST_LABEL = 200
_FACT = re.compile(r"[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True, slots=True)
class DirectAccount:
    """One account as it was described: its label, which is its id, what stands behind it, and how to ask there."""

    label: str
    vendor: DirectVendor
    access: Access
    keys: Mapping[str, KeyAt] = field(repr=False)
    facts: Mapping[str, str]
    base_url: str

    @property
    def hosts(self) -> frozenset[str]:
        """Give the hosts that an address of this account may name: the vendor's own, and where it is asked."""
        asked = self.base_url.partition("://")[2].partition("/")[0]
        return frozenset({asked.lower(), self.access.host(self.facts).lower()})


def read_spec(spec: Any = None) -> tuple[DirectAccount, ...]:
    """Give the accounts of a mapping of labels to descriptions, of a TOML file of the same, or of the environment."""
    if spec is None:
        described: Mapping[Any, Any] = dict(_environment())
        if not described:
            raise InputError(
                "there is no key: set " + ", or ".join(" with ".join(names) for names in variables().values())
                + "; or describe accounts: direct('direct.toml'), direct({'label': {'integration': …}})"
            )  # fmt: skip
    elif isinstance(spec, Mapping):
        described = spec
    elif isinstance(spec, str | Path):
        described = _read_file(Path(spec))
    else:
        raise InputError(
            f"a description of accounts is a mapping or a path, not a {type(spec).__name__}; "
            "such as {'team': {'integration': 'cursor', 'api_key': 'env:CURSOR_API_KEY'}}"
        )
    return _accounts(described)


def variables() -> dict[str, tuple[str, ...]]:
    """Give the variables of each account that the environment can describe, by its label.

    >>> variables()["cursor"]
    ('CURSOR_API_KEY',)
    """
    return {label: _variables(access) for label, _, access in _ways()}


def _ways() -> Iterator[tuple[str, DirectVendor, Access]]:
    for name in DIRECT_VENDORS:
        vendor = vendor_named(name)
        yield from ((access.label or name, vendor, access) for access in vendor.accesses)


def _variables(access: Access) -> tuple[str, ...]:
    needed = tuple(access.fact_variables[name] for name in access.facts if name not in access.fact_defaults)
    return (*(key.variable for key in access.keys), *needed)


def _environment() -> Iterator[tuple[str, dict[str, Any]]]:
    """Describe what the variables hold; one that is set without the other it needs is told, and left out."""
    for label, vendor, access in _ways():
        names = _variables(access)
        missing = [name for name in names if not os.environ.get(name, "").strip()]
        if not missing:
            facts = {
                name: os.environ[variable]
                for name, variable in access.fact_variables.items()
                if os.environ.get(variable, "").strip()
            }
            yield label, {"integration": vendor.name, **{k.name: f"env:{k.variable}" for k in access.keys}, **facts}
        elif len(missing) < len(names):
            there = ", ".join(name for name in names if name not in missing)
            tell(f"{vendor.label} is left out: {there} is set, and {', '.join(missing)} is not")


def _read_file(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise InputError(f"{shown(str(path))} cannot be read: {problem.strerror or problem}") from None
    except UnicodeDecodeError:
        raise InputError(f"{shown(str(path))} is no text in UTF-8; a description of accounts is a TOML file") from None
    except tomllib.TOMLDecodeError as problem:
        said = str(problem)
    raise InputError(f"{shown(str(path))} is no TOML: {said}")


def _accounts(described: Mapping[Any, Any]) -> tuple[DirectAccount, ...]:
    if not described:
        raise InputError("the description names no account; give at least one: {'label': {'integration': …}}")
    found: list[DirectAccount] = []
    wrong: list[UsageError] = []
    labels: dict[str, str] = {}
    for label, said in described.items():
        try:
            text = _label(label, labels)
            found.append(_account(text, said))
        except UsageError as problem:
            wrong.append(problem)
    if len(wrong) == 1:
        raise wrong[0].with_traceback(None) from None
    if wrong:
        raise InputError("; ".join(problem.message for problem in wrong))
    _refuse_unset(found)
    return tuple(found)


def _refuse_unset(found: list[DirectAccount]) -> None:
    missing = [
        f"account {account.label!r}: {key.reference.partition(':')[2]} is not set; it is to hold {key.key.kind}"
        for account in found
        for key in account.keys.values()
        if not key.is_set
    ]
    if missing:
        raise InputError("; ".join(missing))


def _label(label: Any, labels: dict[str, str]) -> str:
    if not isinstance(label, str):
        raise InputError(f"the label {told(label)} is no text; it is the account's id")
    if not label.strip() or label in (".", "..") or not label.isprintable() or len(label) > _LONGEST_LABEL:
        raise InputError(f"the label {told(label)} cannot be an account's id; give a short name, such as 'team'")
    before = labels.setdefault(label.strip().casefold(), label)
    if before != label:
        raise InputError(f"the labels {before!r} and {label!r} differ in case alone; give each account its own")
    return label


def _account(label: str, said: Any) -> DirectAccount:
    where = f"account {label!r}"
    if not isinstance(said, Mapping):
        raise InputError(
            f"{where} is described by a {type(said).__name__}; give a table, such as "
            "{'integration': 'cursor', 'api_key': 'env:CURSOR_API_KEY'}"
        )
    vendor = _vendor(where, said)
    access = _access(where, vendor, said)
    _refuse_unknown(where, vendor, access, said)
    keys = {key.name: key_at(label, key, said[key.name]) for key in access.keys}
    facts = {name: _fact(where, access, name, said) for name in access.facts}
    return DirectAccount(label, vendor, access, keys, facts, _base_url(where, access, facts, said))


def _vendor(where: str, said: Mapping[Any, Any]) -> DirectVendor:
    name = said.get("integration")
    if not isinstance(name, str):
        raise InputError(f"{where} says no integration; give one of {', '.join(DIRECT_VENDORS)}")
    known = integration_named(name)
    if known is None or known.name not in DIRECT_VENDORS:
        raise InputError(
            f"{where}: integration={told(name)} is not known.{did_you_mean(name, DIRECT_VENDORS)} "
            f"Known: {', '.join(DIRECT_VENDORS)}"
        )
    return vendor_named(known.name)


def _access(where: str, vendor: DirectVendor, said: Mapping[Any, Any]) -> Access:
    """Give the way in whose keys are stated: all of one, and of one alone."""
    touched = [access for access in vendor.accesses if any(key.name in said for key in access.keys)]
    choices = "; or ".join(", ".join(_needed(access)) for access in vendor.accesses)
    if len(touched) > 1:
        raise InputError(f"{where} states keys of several kinds; describe an account for each: {choices}")
    if not touched:
        unknown = [name for name in said if name not in _COMMON]
        near = "".join(did_you_mean(name, [k.name for a in vendor.accesses for k in a.keys]) for name in unknown[:1])
        raise InputError(f"{where} states no key.{near} {vendor.label} takes {choices}")
    missing = [name for name in _needed(touched[0]) if name not in said]
    if missing:
        kinds = {key.name: key.kind for key in touched[0].keys} | dict(touched[0].facts)
        raise InputError(f"{where} lacks " + " and ".join(f"{name} ({kinds[name]})" for name in missing))
    return touched[0]


def _needed(access: Access) -> list[str]:
    facts = [name for name in access.facts if name not in access.fact_defaults]
    return [*(key.name for key in access.keys), *facts]


def _refuse_unknown(where: str, vendor: DirectVendor, access: Access, said: Mapping[Any, Any]) -> None:
    known = (*_COMMON, *(key.name for key in access.keys), *access.facts)
    for name in said:
        if name not in known:
            raise InputError(
                f"{where}: there is no field {told(name)}.{did_you_mean(name, known)} "
                f"{vendor.label} takes {', '.join(known)}"
            )


def _fact(where: str, access: Access, name: str, said: Mapping[Any, Any]) -> str:
    value = said.get(name, access.fact_defaults.get(name))
    choices = access.fact_choices.get(name)
    if not isinstance(value, str) or not _FACT.fullmatch(value):
        raise InputError(f"{where}: {name} is {access.facts[name]}; letters, digits, '.', '_' and '-' alone")
    if choices is not None and value not in choices:
        raise InputError(
            f"{where}: {name}={told(value)} is not known.{did_you_mean(value, choices)} Known: {', '.join(choices)}"
        )
    return value


def _base_url(where: str, access: Access, facts: Mapping[str, str], said: Mapping[Any, Any]) -> str:
    stated = said.get("base_url")
    if stated is None:
        return f"https://{access.host(facts)}"
    try:
        return checked_url(stated)
    except InputError as problem:
        message = problem.message.replace("pass the token as token=", "state the key by itself")
    raise InputError(f"{where}: {message}")
