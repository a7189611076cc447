"""Take out of a notebook's outputs what differs from run to run, so that equal figures make equal bytes."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["steady"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PARAMETERS = {"parameters", "injected-parameters"}
"""Cells that hold defaults, which this page was not made with, and paths of this machine."""
_PLACES = (
    (
        "ipykernel_",
        re.compile(r"(?:/[\w.-]{1,64}){0,8}/ipykernel_\d+/\d+\.py"),
        "cell",
    ),  # a warning names the cell's own file
    (" at 0x", re.compile(r" at 0x[0-9a-fA-F]{6,}"), ""),  # where an object happened to lie
)
_RANDOM_IDS = (
    re.compile(r'<div id="([a-z]{10})" style="padding-left:0px'),  # great-tables
    re.compile(r'<table id="T_([0-9a-f]{5,})"'),  # pandas' Styler
)


def steady(notebook: Any) -> Any:
    """Give the notebook without what differs, and without widgets, which a page without scripts cannot show."""
    for name in ("papermill", "execution", "widgets"):
        notebook.metadata.pop(name, None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.cells = [cell for cell in notebook.cells if not _PARAMETERS & set(cell.metadata.get("tags", []))]
    names: dict[str, str] = {}
    for cell in notebook.cells:
        for name in ("execution", "papermill"):
            cell.metadata.pop(name, None)
        if "outputs" in cell:
            cell.outputs = [_output(out, names) for out in cell.outputs if _WIDGET not in out.get("data", {})]
    return notebook


def _output(output: Any, names: dict[str, str]) -> Any:
    if "text" in output:
        output.text = _placed(output.text)
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(value, str):
            output.data[kind] = _named(_placed(value), names)
    return output


def _placed(text: str) -> str:
    for mark, pattern, instead in _PLACES:
        if mark in text:  # a picture's megabyte of base64 is not searched for nothing
            text = pattern.sub(instead, text)
    return text


def _named(markup: str, names: dict[str, str]) -> str:
    """Give each random id its number, in the order of first appearance in the notebook."""
    for pattern in _RANDOM_IDS:
        for found in pattern.findall(markup):
            names.setdefault(found, f"t{len(names)}")
            markup = markup.replace(found, names[found])
    return markup
