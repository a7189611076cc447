"""What a caller may ask for, turned into queries with a label each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from truto_usage_nb.checks import listed
from truto_usage_nb.errors import QueryError, did_you_mean
from truto_usage_nb.outside import shown
from truto_usage_nb.query import PARAMETERS, UsageQuery

__all__ = ["Asked", "asked"]

_OF_THE_CALL = ("period", "backend", "client", "integration", "on_error", "overhang", "users", "progress")


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold one query as it was asked, under the name that progress and errors use for it."""

    label: str
    query: UsageQuery


def asked(what: Any, parameters: Mapping[str, Any]) -> list[Asked]:
    """Turn an account id, a `UsageQuery`, several of either, or a mapping of labels to either into queries.

    `parameters` replace fields of each; a list of report types makes a query of each. The same query asked twice is a
    `QueryError`: its records would count twice.
    """
    _refuse_unknown(parameters)
    found = [Asked(label, query) for label, one in _labelled(what) for query in _with_parameters(one, parameters)]
    if not found:
        raise QueryError(f"there is nothing to load: {shown(what)} names no account; give an account id or several")
    _refuse_twice(found)
    return found


def _refuse_unknown(parameters: Mapping[str, Any]) -> None:
    known = (*_OF_THE_CALL, *PARAMETERS)
    for name in parameters:
        if name not in PARAMETERS:
            raise QueryError(f"there is no option {shown(name)}.{did_you_mean(name, known)} Known: {', '.join(known)}")


def _labelled(what: Any) -> Iterator[tuple[str, Any]]:
    if what is None or isinstance(what, str | UsageQuery):
        yield _label(what), what
    elif isinstance(what, Mapping):
        for label, one in what.items():
            several = isinstance(one, Iterable) and not isinstance(one, str | UsageQuery | Mapping)
            for each in one if several else [one]:
                if each is None:
                    said = shown(label)
                    raise QueryError(f"{said} names no account: None; give an account id, a UsageQuery, or a list")
                yield str(label), each
    elif isinstance(what, Iterable):
        for one in what:
            yield _label(one), one
    else:
        raise QueryError(_wrong(what))


def _label(one: Any) -> str:
    account = one.integrated_account_id if isinstance(one, UsageQuery) else one
    return "the token's account" if account is None else account if isinstance(account, str) else shown(account)


def _with_parameters(one: Any, parameters: Mapping[str, Any]) -> Iterator[UsageQuery]:
    if isinstance(one, str) or one is None:
        query = UsageQuery(integrated_account_id=one)
    elif isinstance(one, UsageQuery):
        query = one
    else:
        raise QueryError(_wrong(one))
    report_type = parameters.get("report_type")
    if isinstance(report_type, str) or report_type is None:
        yield query.replace(**parameters)
        return
    said, types = f"report_type={shown(report_type)}", listed(report_type)
    if types is None:
        raise QueryError(f"{said} is not allowed; give one of them or a list. {_report_types()}")
    if not types:
        raise QueryError(f"{said} names none; leave it out, or give some. {_report_types()}")
    for each in types:
        yield query.replace(**{**parameters, "report_type": each})


def _report_types() -> str:
    return f"Allowed: {', '.join(PARAMETERS['report_type'].allowed)}"


def _refuse_twice(found: list[Asked]) -> None:
    seen: dict[UsageQuery, str] = {}
    for each in found:
        if each.query in seen:
            raise QueryError(f"{each.query!r} is asked twice; its records would count twice: ask once")
        seen[each.query] = each.label


def _wrong(what: Any) -> str:
    return (
        f"{shown(what)} ({type(what).__name__}) cannot be loaded; give an account id, a UsageQuery, a list of either, "
        "or a mapping of labels to ids"
    )
