"""A report's notebook: which there are, what each asks to be loaded, and what may be told it, as it can hold it."""

from __future__ import annotations

import ast
import re
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
from urllib.parse import unquote

from truto_usage_nb.checks import a_path
from truto_usage_nb.errors import InputError, MissingExtraError, did_you_mean
from truto_usage_nb.outside import shortened, shown
from truto_usage_nb.recall import CountSaid, recalled
from truto_usage_nb.reports.page import without_outside
from truto_usage_nb.writing import write_file

__all__ = ["Notebook", "as_parameters", "check_libraries", "find", "library", "list_reports"]

_SHIPPED = Path(__file__).parent / "notebooks"
_OURS = "python3"
"""The kernel that ipykernel brings: the Python which runs this."""


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
    `parameters` assigns. `kernel_name` is that of the kernel which runs it. `outside` says of a cell by its number what
    its code seems to show that lies outside.
    """

    path: Path
    before: int
    users: bool | str
    parameters: tuple[str, ...]
    kernel_name: str = _OURS
    outside: tuple[tuple[int, str], ...] = ()

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
    name: str = _OURS


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
    asked = (about.truto_usage_nb.before, about.truto_usage_nb.users, tuple(known))
    if path.parent == _SHIPPED:
        return Notebook(path, *asked)
    for number, cell in enumerate(written.cells, 1):
        if cell.cell_type == "markdown":
            _refuse_outside("".join(cell.source), path, number)
    return Notebook(path, *asked, _installed(about.kernelspec.name, path), tuple(_seeming(written)))


def _installed(name: str, path: Path) -> str:
    """Give a kernel's name; one that is not installed here is refused, and never replaced by another."""
    if name in ("", _OURS):
        return _OURS
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError as problem:
        raise _missing("jupyter_client", str(problem)) from None
    manager = KernelSpecManager()
    known = sorted(manager.find_kernel_specs())
    if name.lower() not in known:
        raise InputError(
            f"{path} is to run in the kernel {shown(name)}, which is not installed.{did_you_mean(name, known)} "
            f"Installed: {', '.join(known)}; choose one of them in Jupyter and save the notebook"
        )
    language = str(manager.get_kernel_spec(name.lower()).language)
    if not language.lower().startswith("python"):
        raise InputError(f"{path} is to run in the kernel {shown(name)} of {language}, and reports run Python")
    return name.lower()


_CODE = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1[^\n]*$|\Z)|<!--.*?-->|(`+)[^`].*?\2", re.DOTALL | re.MULTILINE)
_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*(?:<([^>\n]+)>|([^)\s]+))")
_NAMED_PICTURE = re.compile(r"!\[([^\]]*)\](?:\[([^\]]*)\])?(?!\()")
_ADDRESS_OF = re.compile(r"^ {0,3}\[([^\]]+)\]:\s*<?([^\s>]+)", re.MULTILINE)
_SCHEME = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//|[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_WITHIN = ("data:", "attachment:")


def _refuse_outside(text: str, path: Path, number: int) -> None:
    """Refuse a text that shows what lies outside the notebook: a report asks nobody for it, and nobody would see it."""
    text = _CODE.sub("", text)
    named = {name.lower(): address for name, address in _ADDRESS_OF.findall(text)}
    pictures = [one or other for one, other in _PICTURE.findall(text)]
    pictures += [named.get((of or name).lower(), "") for name, of in _NAMED_PICTURE.findall(text)]
    where = f"cell {number} of {path.name}"
    remedy = "put it into the notebook, as an attachment or a data: address, or leave it out"
    for address in pictures:
        if not address or address.lower().startswith(_WITHIN):
            continue
        if _SCHEME.match(address):
            told = f"{where} shows the picture {shown(address)}, and a report holds nothing from outside"
            raise InputError(f"{told}; {remedy}")
        if not _beside(path, address):
            raise InputError(
                f"{where} shows the picture {shown(address)}, and there is no such file beside it; {remedy}"
            )
    found: list[str] = []
    without_outside(text, found.append, is_here=lambda address: _beside(path, address))
    if found:
        raise InputError(
            f"{where} shows {found[0]}, and a report holds nothing from outside and runs no script; {remedy}"
        )


def _beside(path: Path, address: str) -> bool:
    try:
        return not _SCHEME.match(address) and (path.parent / unquote(address)).is_file()
    except (OSError, ValueError):
        return False


_SHOWING = re.compile(
    r"""\b(?:Image|IFrame|SVG|Audio|Video)\(\s*(?:\w+\s*=\s*)?["']((?:https?:)?//[^"']+)["'](?![^)]*embed\s*=\s*True)"""
)


def _seeming(written: _Written) -> Iterator[tuple[int, str]]:
    """Say what the code seems to show from outside: for certain one knows it when it has run."""
    for number, cell in enumerate(written.cells, 1):
        if cell.cell_type != "code":
            continue
        source = "".join(cell.source)
        found = [f"what is at {shortened(address, 200)}" for address in _SHOWING.findall(source)]
        without_outside(source, found.append)
        yield from ((number, what) for what in dict.fromkeys(found))


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
