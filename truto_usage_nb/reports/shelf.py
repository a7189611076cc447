"""The report notebooks: which there are, what each asks to be loaded, and what may be told it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truto_usage_nb.errors import InputError, MissingExtraError, did_you_mean

__all__ = ["Notebook", "find", "library", "list_reports"]

_SHIPPED = Path(__file__).parent / "notebooks"
_METADATA = "truto_usage_nb"


def list_reports() -> list[str]:
    """List the reports that come with the library, by name.

    >>> "ai_spend" in list_reports()
    True
    """
    return sorted(path.stem for path in _SHIPPED.glob("*.ipynb"))


@dataclass(frozen=True, slots=True)
class Notebook:
    """Hold a report notebook and what its metadata asks for under `truto_usage_nb`.

    `before`: how many periods before the reported one are loaded too. `users`: whether Claude is asked by user as well:
    always, never, or when the parameter that it names is given. `parameters` are the names that its cell tagged
    `parameters` assigns.
    """

    path: Path
    before: int
    users: bool | str
    parameters: tuple[str, ...]

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
                    f"report {self.name!r} has no parameter {name!r}.{did_you_mean(name, self.parameters)} "
                    + (f"Known: {known}" if known else "It has no cell tagged `parameters`")
                )


def find(name_or_path: str | Path) -> Notebook:
    """Give a report by its name, or a notebook by its path."""
    path = Path(name_or_path)
    if path.suffix == ".ipynb":
        if not path.is_file():
            raise InputError(f"there is no notebook {path}")
        return _read(path.resolve())
    known = list_reports()
    if str(name_or_path) not in known:
        raise InputError(
            f"there is no report {str(name_or_path)!r}.{did_you_mean(name_or_path, known)} "
            f"Known: {', '.join(known)}; a notebook of yours is named by its path, which ends in .ipynb"
        )
    return _read(_SHIPPED / f"{name_or_path}.ipynb")


def _read(path: Path) -> Notebook:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["metadata"].get(_METADATA, {})
    except (ValueError, KeyError, AttributeError) as problem:
        raise InputError(f"{path} is not a notebook: {type(problem).__name__}: {problem}") from None
    known = library("papermill").inspect_notebook(str(path))
    return Notebook(path, int(said.get("before", 0)), said.get("users", False), tuple(known))


_PARTS = {"papermill": ("papermill.iorw", "papermill.parameterize", "papermill.inspection")}


def library(name: str) -> Any:
    """Import a library that only reports need; one that is missing is an error that ends in the line to paste."""
    from importlib import import_module

    try:
        for part in _PARTS.get(name, ()):
            import_module(part)
        return import_module(name)
    except ImportError as problem:
        raise MissingExtraError(
            f"reports need {name} ({problem}); install it: pip install 'truto-usage-nb[reports]'"
        ) from None
