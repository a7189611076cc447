"""Parameters as a notebook can hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any

from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.writing import write_file

__all__ = ["plain"]


def plain(parameters: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """Give parameters as text, numbers, lists and mappings: a dataframe as a file in `scratch`, a path or date as text.

    Anything else is an `InputError`.

    >>> plain({"labels": Path("/people.csv"), "budget": {"USD": Decimal("180000.50")}, "teams": ("data",)}, Path())
    {'labels': '/people.csv', 'budget': {'USD': 180000.5}, 'teams': ['data']}
    """
    return {name: _plain(name, value, scratch) for name, value in parameters.items()}


def _plain(name: str, value: Any, scratch: Path) -> Any:
    if isinstance(value, Mapping):
        return {_key(name, key): _plain(name, each, scratch) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, each, scratch) for each in value]
    if hasattr(value, "columns"):
        return str(_kept(value, scratch / f"{name}.parquet"))
    for kind, made in _MADE.items():
        if isinstance(value, kind):
            return made(value)
    raise _not_plain(name, value)


def _as_it_is(value: Any) -> Any:
    return value


_MADE: dict[Any, Callable[[Any], Any]] = {
    (NoneType, bool, int, float, str): _as_it_is,
    Path: lambda path: str(path.resolve()),
    date: lambda day: day.isoformat(),
    Decimal: float,
    Integral: int,  # numpy's
    Real: float,
}


def _key(name: str, key: Any) -> str:
    if isinstance(key, str):
        return key
    raise _not_plain(name, key)


def _kept(frame: Any, path: Path) -> Path:
    from truto_usage_nb.native import enter, kept
    from truto_usage_nb.questions.tables import of_one_kind

    return write_file(path, kept(enter(of_one_kind(frame)).as_it_came).write_parquet)


def _not_plain(name: str, value: Any) -> InputError:
    return InputError(
        f"{name}={shown(value)} cannot be given to a notebook: it is of type {type(value).__name__}. "
        "Give text, numbers, dates, paths, lists, mappings with text as keys, or a dataframe"
    )
