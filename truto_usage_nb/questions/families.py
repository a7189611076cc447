"""One name for one model: vendors write versions, dates and effort in their own way."""

from __future__ import annotations

import re
from typing import Any

import narwhals.stable.v2 as nw

from truto_usage_nb.errors import FrameError
from truto_usage_nb.native import collect, enter, require

__all__ = ["family_of", "with_models"]

FAMILY = "model_family"
_PREFIX = re.compile(r"^(?:(?:us|eu|apac|global)\.)?(?:anthropic|openai|google|xai|cursor|models)[./](?=.)")
_DATED = re.compile(r"[-@](?:20\d{2}-?[01]\d-?[0-3]\d|latest)(?:-v\d+(?::\d+)?)?$")
_EFFORT = re.compile(r"-(?:thinking|xhigh|high|medium|low|minimal|none)$")
"""Not `max` nor `fast`: there are models of their own called so."""
_VERSION_FIRST = re.compile(r"^claude-(\d+)(?:-(\d+))?-(opus|sonnet|haiku)$")
_ZERO = re.compile(r"^(claude-[a-z]+-\d+)-0$")


def family_of(model: str) -> str:
    """Give the name under which a model's spellings meet: without maker, date and effort, Claude's family first.

    >>> family_of("claude-opus-5"), family_of("claude-5-opus"), family_of("claude-opus-5-20260203")
    ('claude-opus-5', 'claude-opus-5', 'claude-opus-5')
    >>> family_of("claude-4.5-sonnet-thinking"), family_of("gpt-5-mini-2025-08-07"), family_of("auto")
    ('claude-sonnet-4-5', 'gpt-5-mini', 'auto')
    """
    name = _DATED.sub("", _PREFIX.sub("", model.strip().lower()))
    while (shorter := _EFFORT.sub("", name)) != name:
        name = shorter
    if name.startswith("claude-"):
        name = name.replace(".", "-")
    if found := _VERSION_FIRST.match(name):
        major, minor, kind = found.groups()
        name = f"claude-{kind}-{major}" + (f"-{minor}" if minor else "")
    if found := _ZERO.match(name):
        name = found.group(1)
    return name or model


def with_models(frame: Any) -> Any:
    """Add `model_family`, in which the names of one model meet: "claude-opus-5", Cursor's "claude-5-opus", dated names.

    The maker's prefix, a date or "latest", and the effort that Cursor writes behind a name are taken off; `model_id`
    stays as it is. A name that nobody knows ("auto", "other") is its own family, null stays null. Comes back as the
    kind of frame that came in.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> with_models(usage).filter(model_id="claude-4.5-sonnet")["model_family"].unique().to_list()
    ['claude-sonnet-4-5']
    """
    native = enter(frame)
    require(native, ("model_id",), "with_models")
    if FAMILY in native.columns:
        raise FrameError(f"The frame already has a column {FAMILY!r}; drop or rename it first.")
    names = collect(native.frame.select("model_id").unique())["model_id"].drop_nulls().sort().to_list()
    if not names:
        return native.leave(native.frame.with_columns(nw.lit(None, dtype=nw.String()).alias(FAMILY)))
    text = nw.col("model_id").cast(nw.String())
    families = [family_of(name) for name in names]
    found = text.fill_null("").replace_strict(names, families, default=nw.lit(""), return_dtype=nw.String())
    return native.leave(native.frame.with_columns(nw.when(~text.is_null()).then(found).alias(FAMILY)))
