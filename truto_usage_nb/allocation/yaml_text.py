"""YAML that a person wrote, read so that nothing in it is guessed at: every value is text, and nothing is made of it.

YAML 1.1 turns `no` into False, `1e5` into 100000 and `2026-10` into nothing in particular, keeps the last of two equal
keys, lets a small file stand for a huge one (`&` and `*`), and names Python objects. A rule file needs none of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown

__all__ = ["read_yaml"]

_LARGEST = 5_000_000
_DEEP = 20


def read_yaml(content: bytes, what: str) -> Any:
    """Read YAML (UTF-8): mappings, lists and texts. Raises InputError, which says the line, for anything else."""
    if len(content) > _LARGEST:
        raise InputError(f"{what} has {len(content):,} bytes, and at most {_LARGEST:,} are read; name the right file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InputError(f"{what} is no text in UTF-8: byte {problem.start + 1:,}; save it as UTF-8.") from None
    try:
        return _Loader(text, what).get_single_data()
    except yaml.YAMLError as problem:
        raise InputError(f"{what} is no YAML that can be read: {_told(problem)}.") from None
    except RecursionError:
        raise InputError(f"{what} is nested too deep; a rule file has a few levels.") from None


def read_yaml_file(path: Path, what: str) -> tuple[Any, bytes]:
    """Read a file as `read_yaml` does, and give its bytes too. Raises InputError for one that is not there."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise InputError(f"{what}: {shown(str(path))} cannot be read: {why}.") from None
    return read_yaml(content, what), content


def _told(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    said = getattr(problem, "problem", None) or str(problem).partition("\n")[0]
    return f"{said} (line {mark.line + 1})" if mark is not None else str(said)


class _Loader(yaml.BaseLoader):  # type: ignore[misc]  # which has no types
    """PyYAML's loader that makes texts of all scalars, and refuses what a file of rules must not hold."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text)
        self._what = what
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError(f"{self._what}, line {line}: '&' and '*' are not read here; write it out, or quote it.")
        if getattr(event, "tag", None):
            raise InputError(f"{self._what}, line {line}: a tag ('!') is not read here; quote the text.")
        self._depth += 1
        if self._depth > _DEEP:
            raise InputError(f"{self._what}, line {line}: it is nested too deep; a rule file has a few levels.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:  # noqa: ARG002  (PyYAML's)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError(f"{self._what}, line {line}: a key is a word, not a list or a mapping.")
            if key_node.value in found:
                raise InputError(
                    f"{self._what}, line {line}: {shown(key_node.value)} is there twice in one mapping; keep one."
                )
            found[key_node.value] = self.construct_object(value_node, deep=True)
        return found
