"""One name for one model and its efforts, so that a family of spellings meets across vendors."""

from __future__ import annotations

import re
from typing import Any

import narwhals.stable.v2 as nw

from truto_usage_nb.errors import FrameError
from truto_usage_nb.models import family_first, model_identity
from truto_usage_nb.native import collect, enter, require

__all__ = ["family_of", "with_models"]

FAMILY = "model_family"
_EFFORT = re.compile(r"-(?:thinking|xhigh|high|medium|low|minimal|none)(?=(?:-fast)?$)")
"""Not `max` nor `fast`: there are models of their own called so, and fast mode has another price."""


def family_of(model: str) -> str:
    """Give the name under which a model's spellings meet: without maker, date and effort, Claude's family first.

    >>> family_of("claude-opus-5"), family_of("claude-5-opus"), family_of("claude-opus-5-20260203")
    ('claude-opus-5', 'claude-opus-5', 'claude-opus-5')
    >>> family_of("claude-4.5-sonnet-thinking"), family_of("gpt-5-mini-2025-08-07"), family_of("auto")
    ('claude-sonnet-4-5', 'gpt-5-mini', 'auto')
    """
    name = model_identity(model)
    while (shorter := _EFFORT.sub("", name)) != name:
        name = model_identity(shorter)
    return family_first(name) or model


def with_models(frame: Any) -> Any:
    """Add `model_family`, in which the names of one model meet: "claude-opus-5", Cursor's "claude-5-opus", dated names.

    Makers' and clouds' prefixes, a date or "latest", and the effort that Cursor writes behind a name are taken off, and
    Claude's family stands before its version; what changes the price, such as "-fast", stays, and so does `model_id`.
    A name that nobody knows ("auto", "other") is its own family, null stays null. Comes back as the kind of frame that
    came in.

    >>> import truto_usage_nb as tu
    >>> usage = tu.sandbox().load_usage("cursor", period="2026-10-05")
    >>> tu.with_models(usage).filter(model_id="claude-4.5-sonnet")["model_family"].unique().to_list()
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
