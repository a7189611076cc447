"""The order of a dataset's columns: that of a frame, whenever they came."""

from __future__ import annotations

from truto_usage_nb.frames import Path, Types, map_of
from truto_usage_nb.schema import columns

__all__ = ["in_order"]

_DOCUMENTED = {field.column: place for place, field in enumerate(columns(remote_data=True))}


def in_order(types: Types, names: dict[Path, str]) -> Types:
    """Set columns in order: the documented ones, new types of charges, open maps by name, all others as they came."""
    paths = {name: path for path, name in names.items()}
    came = {name: place for place, name in enumerate(types)}
    return {name: types[name] for name in sorted(types, key=lambda name: _place(name, paths.get(name), came[name]))}


def _place(name: str, path: Path | None, came: int) -> tuple[int, int, str]:
    if name in _DOCUMENTED:
        return 0, _DOCUMENTED[name], ""
    if path is not None and path[0] == "charges":
        return 1, came, ""
    if path is not None and map_of(path) is not None:
        return 2, 0, name
    return 3, came, ""
