"""Which accounts a description names, and where their keys are: read, checked and refused before anything is asked."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from truto_usage_nb.address import checked_url
from truto_usage_nb.direct.engine import Access, DirectVendor, KeyField
from truto_usage_nb.direct.vendors import DIRECT_VENDORS, vendor_named
from truto_usage_nb.errors import InputError, MissingExtraError, UsageError, did_you_mean, tell
from truto_usage_nb.integrations import integration_named
from truto_usage_nb.outside import shown
from truto_usage_nb.secret import Secret

__all__ = ["KEYRING_SERVICE", "DirectAccount", "KeyAt", "key_at", "read_spec", "told", "variables"]

KEYRING_SERVICE = "truto_usage_nb"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KEY_LIKE = re.compile(r"(?:sk|crsr|key|dd)[-_](?=.*\d)[A-Za-z0-9_-]{12,}", re.IGNORECASE)
_ENTRY = re.compile(r"[\w.@ /+-]{1,100}")
_LONG = 24
_HOW = "write env:NAME or keyring:NAME, or pass a function that gives it, such as getpass.getpass"


@dataclass(slots=True)
class KeyAt:
    """Hold where one key is; it is looked up when it is first asked with, and kept so that no repr shows it."""

    account: str
    key: KeyField
    reference: str
    ask: Callable[[], Any] | None = field(default=None, repr=False)
    _held: Secret | None = field(default=None, repr=False)
    _lock: Any = field(default_factory=Lock, repr=False)

    @property
    def named(self) -> str:
        """Name it for an error: the variable or keyring entry, and the field."""
        return f"{self.reference} ({self.key.name})" if self.reference else self.key.name

    @property
    def is_held(self) -> bool:
        """Say whether it was looked up already."""
        return self._held is not None

    @property
    def is_set(self) -> bool:
        """Say whether it can be there at all: a variable that is not set holds none."""
        scheme, _, name = self.reference.partition(":")
        return scheme != "env" or bool(os.environ.get(name, "").strip())

    def reveal(self) -> Secret:
        """Give the key. It may have to ask a person, so it may block.

        Raises `InputError` where there is none, or one of another kind, naming where it was looked for.
        """
        with self._lock:
            if self._held is None:
                self._held = self._checked(Secret(str(self._looked_up() or "").strip()))
            return self._held

    def _looked_up(self) -> Any:
        scheme, _, name = self.reference.partition(":")
        if self.ask is not None:
            return self.ask()
        if scheme == "env":
            return os.environ.get(name)
        return self._from_the_keyring(name)

    def _from_the_keyring(self, name: str) -> str | None:
        ring = _keyring()
        try:
            found: str | None = ring.get_password(KEYRING_SERVICE, name)
        except ring.errors.KeyringError as problem:
            said = str(problem) or type(problem).__name__
        else:
            return found
        raise InputError(
            f"account {self.account!r}: {self.named} cannot be read from the system's keyring ({said}); unlock it, or "
            "put the key into a variable and write env:NAME"
        )

    def _checked(self, secret: Secret) -> Secret:
        text = secret.reveal()
        if not text:
            raise InputError(f"account {self.account!r}: {self.named} holds nothing; it is to hold {self.key.kind}")
        if not (text.isascii() and text.isprintable() and " " not in text):
            raise InputError(
                f"account {self.account!r}: {self.named} holds a space, a control character or a letter beyond ASCII; "
                "copy the key again"
            )
        for beginning, what in self.key.others.items():
            if text.startswith(beginning):
                raise InputError(f"account {self.account!r}: {self.named} holds {what}; it is to hold {self.key.kind}")
        return secret


def told(value: Any) -> str:
    """Show a value of a description, unless it may be a key that stands in the wrong place.

    >>> told("curser"), told("sk-ant-admin01-AbCdEfGh12345678")
    ("'curser'", '(not shown: it may be a key)')
    """
    text = value if isinstance(value, str) else ""
    if _KEY_LIKE.search(text) or (len(text) >= _LONG and any(c.isdigit() for c in text) and " " not in text):
        return "(not shown: it may be a key)"
    return shown(value, 60)


def key_at(account: str, key: KeyField, said: Any) -> KeyAt:
    """Read what an account's description says of a key; raises `InputError`, which shows nothing that may be one."""
    where = f"account {account!r}: {key.name}"
    if isinstance(said, str):
        scheme, colon, name = said.partition(":")
        if colon and scheme == "env" and _NAME.fullmatch(name) and not _KEY_LIKE.fullmatch(name):
            return KeyAt(account, key, said)
        if colon and scheme == "keyring" and _ENTRY.fullmatch(name) and not _KEY_LIKE.search(name):
            _keyring()
            return KeyAt(account, key, said)
        raise InputError(f"{where} is a text that says not where the key is; a key itself is not taken: {_HOW}")
    if callable(said):
        return KeyAt(account, key, "", ask=said)
    raise InputError(f"{where} is of type {type(said).__name__}; {_HOW}")


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise MissingExtraError(
            "keyring: needs an optional part: pip install 'truto-usage-nb[keyring]'; or put the key into a variable "
            "and write env:NAME"
        ) from None
    return keyring


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
