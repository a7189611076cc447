"""A report's notebook: which there are, what each asks to be loaded, and what may be told it, as it can hold it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import InputError, MissingExtraError, did_you_mean
from truto_usage_nb.outside import shown
from truto_usage_nb.recall import CountSaid, recalled
from truto_usage_nb.writing import write_file

__all__ = ["Notebook", "as_parameters", "check_libraries", "find", "library", "list_reports"]

_SHIPPED = Path(__file__).parent / "notebooks"


def list_reports() -> list[str]:
    """List the reports that come with the library, by name.

    >>> import truto_usage_nb as tu
    >>> "ai_spend" in tu.list_reports()
    True
    """
    return sorted(path.stem for path in _SHIPPED.glob("*.ipynb"))


@dataclass(frozen=True, slots=True)
class Notebook:
    """Hold a report notebook and what its metadata asks for under `truto_usage_nb`.

    `before`: how many periods before the reported one are loaded too. `users`: whether Claude is asked by user as well:
    always, never, or when the parameter that it names is given. `parameters` are the names that its cell tagged
    `parameters` assigns. `kernel_name` is that of the kernel which runs it.
    """

    path: Path
    before: int
    users: bool | str
    parameters: tuple[str, ...]
    kernel_name: str = "python3"

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def shipped(self) -> bool:
        return self.path.parent == _SHIPPED

    def by_user(self, parameters: Mapping[str, Any]) -> bool:
        """Say whether Claude's views by user are of use with these parameters."""
        return bool(parameters.get(self.users) if isinstance(self.users, str) else self.users)

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Refuse a parameter that the notebook does not have, naming those it has."""
        for name in parameters:
            if name not in self.parameters:
                known = ", ".join(self.parameters)
                raise InputError(
                    f"report {self.name!r} has no parameter {shown(name)}.{did_you_mean(name, self.parameters)} "
                    + (f"Known: {known}" if known else "It has no cell tagged `parameters`")
                )


def find(name_or_path: str | Path) -> Notebook:
    """Give a report by its name, or a notebook by its path."""
    path = a_path("name_or_path", name_or_path)
    if path.suffix == ".ipynb":
        if not path.is_file():
            raise InputError(f"there is no notebook {path}")
        return _read(path.resolve())
    known = list_reports()
    if str(name_or_path) not in known:
        raise InputError(
            f"there is no report {shown(str(name_or_path))}.{did_you_mean(name_or_path, known)} "
            f"Known: {', '.join(known)}; a notebook of yours is named by its path, which ends in .ipynb"
        )
    return _read(_SHIPPED / f"{name_or_path}.ipynb")


@dataclass(frozen=True, slots=True)
class _Asked:
    before: CountSaid = 0
    users: bool | str = False


@dataclass(frozen=True, slots=True)
class _Kernelspec:
    language: str = "python"


@dataclass(frozen=True, slots=True)
class _Language:
    name: str = "python"


@dataclass(frozen=True, slots=True)
class _Metadata:
    kernelspec: _Kernelspec = _Kernelspec()
    language_info: _Language = _Language()
    truto_usage_nb: _Asked = _Asked()


@dataclass(frozen=True, slots=True)
class _Tagged:
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cell:
    cell_type: Literal["code", "markdown", "raw"]
    source: str | tuple[str, ...]
    metadata: _Tagged


@dataclass(frozen=True, slots=True)
class _Written:
    """State what a notebook file holds, as far as a report needs it, each value of its type."""

    nbformat: Literal[4]
    nbformat_minor: CountSaid
    metadata: _Metadata
    cells: tuple[_Cell, ...]


def _read(path: Path) -> Notebook:
    from pydantic import TypeAdapter

    try:
        written = recalled(TypeAdapter(_Written), path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror or problem}") from None
    except (ValueError, RecursionError) as problem:
        why = " ".join(str(problem).split())[:200]
        raise InputError(f"{path} is not a notebook: {why}; open it in Jupyter and save it anew") from None
    about = written.metadata
    for language in (about.kernelspec.language, about.language_info.name):
        if not language.lower().startswith(("python", "ipython")):
            raise InputError(f"{path} is a notebook in {language}, and reports run Python")
    sources = ["".join(cell.source) for cell in written.cells if "parameters" in cell.metadata.tags]
    known = dict.fromkeys(name for source in sources for name in _assigned(source, path))
    return Notebook(path, about.truto_usage_nb.before, about.truto_usage_nb.users, tuple(known))


def _assigned(source: str, path: Path) -> Iterator[str]:
    """Yield the names that a cell's own lines assign; papermill knows them too, but takes seconds to import."""
    try:
        lines = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError) as problem:
        raise InputError(f"the cell tagged `parameters` of {path} is not plain Python: {problem}") from None
    for line in lines:
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


_LIBRARIES = ("ipykernel", "jupyter_client", "nbclient", "nbconvert", "papermill")
_PARTS = {"papermill": ("papermill.iorw", "papermill.parameterize")}


def check_libraries() -> None:
    """Raise `MissingExtraError` where a library that renders is missing, without importing any."""
    for name in _LIBRARIES:
        if find_spec(name) is None:
            raise _missing(name, f"No module named {shown(name)}")


def library(name: str) -> Any:
    """Import a library that only reports need; one that is missing is an error that ends in the line to paste."""
    try:
        for part in _PARTS.get(name, ()):
            import_module(part)
        return import_module(name)
    except ImportError as problem:
        raise _missing(name, str(problem)) from None


def _missing(name: str, why: str) -> MissingExtraError:
    return MissingExtraError(f"reports need {name} ({why}); install it: pip install 'truto-usage-nb[reports]'")


def as_parameters(parameters: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
    """Give parameters as text, numbers, lists and mappings: a dataframe as a file in `scratch`, a path or date as text.

    Anything else is an `InputError`.

    >>> given = {"labels": Path("/people.csv"), "budget": {"USD": Decimal("180000.50")}, "teams": ("data",)}
    >>> as_parameters(given, Path())
    {'labels': '/people.csv', 'budget': {'USD': 180000.5}, 'teams': ['data']}
    """
    return {name: _as_held(name, value, scratch) for name, value in parameters.items()}


def _as_held(name: str, value: Any, scratch: Path) -> Any:
    if isinstance(value, Mapping):
        return {_as_name(name, key): _as_held(name, each, scratch) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_held(name, each, scratch) for each in value]
    if hasattr(value, "columns"):
        return str(_as_file(value, scratch / f"{name}.parquet"))
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


def _as_name(name: str, key: Any) -> str:
    if isinstance(key, str):
        return key
    raise _not_plain(name, key)


def _as_file(frame: Any, path: Path) -> Path:
    from truto_usage_nb.native import enter, kept
    from truto_usage_nb.questions.tables import of_one_kind

    return write_file(path, kept(enter(of_one_kind(frame)).as_it_came).write_parquet)


def _not_plain(name: str, value: Any) -> InputError:
    return InputError(
        f"{name}={shown(value)} cannot be given to a notebook: it is of type {type(value).__name__}. "
        "Give text, numbers, dates, paths, lists, mappings with text as keys, or a dataframe"
    )
