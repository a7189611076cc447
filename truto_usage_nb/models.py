"""One identity for one model, whatever spelling a record states; nothing but names is known here.

Vendors and clouds write one model in many ways: in capitals, with the date of its snapshot, behind the maker's name
(`anthropic/`), a region of Bedrock (`us.anthropic.…-v1:0`) or a path of Vertex (`publishers/anthropic/models/…@…`).
Which spellings are one model is what the price list documents (`genai-prices`, the `match` of each model).

What changes the price, or names another model, is never taken off: `-fast`, `-max`, `-mini`, `-codex`, an effort,
`:free`, or a date that the list prices by itself.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["bare_name", "cloud_of", "family_first", "is_global", "model_identity"]

_MAKERS = (
    "ai21|amazon|anthropic|cohere|cursor|deepseek|google|meta|meta-llama|minimax|mistral|mistralai|moonshot|moonshotai|"
    "nvidia|openai|qwen|stability|writer|x-ai|xai|z-ai|zai"
)
_CLOUDS = "azure|azure_ai|aws|bedrock|converse|google-vertex|litellm|litellm_proxy|openrouter|vertex|vertex_ai|vertexai"
_PATH = re.compile(r"^.*(?:^|[/:])(?:models|foundation-model|inference-profile)/(?=[^/]+$)")
"""Of Vertex (`publishers/anthropic/models/…`), Gemini (`models/…`), Bedrock (`arn:aws:…:foundation-model/…`)."""
_MAKER = re.compile(rf"^(?:{_MAKERS}|{_CLOUDS})/(?=.)")
_BEDROCK = re.compile(rf"^(?:(?:apac|au|ca|eu|global|in|jp|regional|sa|us|us-gov)\.)?(?:{_MAKERS})\.(?=.)")
_GLOBAL = re.compile(rf"(?:^|/)global\.(?:{_MAKERS})\.")
_SERVED_BY = (
    ("aws", re.compile(rf"^(?:aws|bedrock)/|(?:^|/)(?:[a-z-]+\.)?(?:{_MAKERS})\.[a-z]")),
    (
        "google",
        re.compile(r"^(?:google-vertex|vertex|vertex_ai|vertexai)/|(?:^|/)publishers/|[^/]@(?:\d{8}|default|latest)$"),
    ),
    ("azure", re.compile(r"^azure(?:_ai)?/")),
    ("openrouter", re.compile(r"^openrouter/")),
)
"""Clouds have prices of their own: how each shows in a name."""
_SPACE = re.compile(r"\s+")
_FAST_SWITCH = re.compile(r"\[fast=(true|false)\]$")
"""Cursor's way to write a model with and without its fast mode."""

_DATE = r"[-@]20\d{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])"
_VERSION = re.compile(rf"(?P<dated>{_DATE})(?:-v\d+(?::\d+)?)?$|-v?1:0$|(?<=\d)-v1$|:0$|@(?:default|latest|\d{{3}})$")
"""A snapshot's date, and the version behind it on Bedrock; without a date `-v2` names another model (`claude-v2`)."""
_DATED_MODE = re.compile(rf"{_DATE}(?=-(?:fast|thinking|minimal|low|medium|high|xhigh|max)$)")
"""A date before the mode; the mode stays."""
_LATEST = re.compile(r"^(.*\d.*|codex-mini)-latest$")
"""Only behind a name with a version: `gemini-pro-latest` is not `gemini-pro`."""
_GEMINI_BUILD = re.compile(r"^(gemini-\d.*)-00\d$")
_PRICED_BY_DATE = frozenset({"gpt-4o-2024-05-13"})
"""Snapshots with a price of their own: this one is $5 and $15 a million, gpt-4o is $2.50 and $10."""

_DOTTED = re.compile(r"(?<=\d)\.(?=\d)")
_ZERO = re.compile(r"^(claude-(?:[a-z]+-)?\d+)-0(?=-[a-z]|$)")
_VERSION_FIRST = re.compile(r"^claude-(\d+)(?:-(\d+))?-(fable|haiku|mythos|opus|sonnet)(?=-|$)")
_GPT = re.compile(r"^gpt-(?:(\d)-(\d)|(3)(5))(?=-|$)")
"""Azure writes gpt-35-turbo, others gpt-5-1."""


@lru_cache(maxsize=65_536)
def model_identity(name: str) -> str:
    """Give the one name under which the spellings of a model meet; a name that nobody knows is its own.

    >>> model_identity("claude-opus-5-20260203"), model_identity("us.anthropic.claude-opus-5-20260203-v1:0")
    ('claude-opus-5', 'claude-opus-5')
    >>> model_identity("publishers/anthropic/models/claude-sonnet-4-5@20250929"), model_identity("OpenAI/GPT-5-latest")
    ('claude-sonnet-4-5', 'gpt-5')
    >>> model_identity("claude-opus-5-fast"), model_identity("gpt-5.1-codex-max"), model_identity("auto")
    ('claude-opus-5-fast', 'gpt-5.1-codex-max', 'auto')
    """
    folded = _folded(name)
    return _undated(bare_name(folded)) or folded


def family_first(identity: str) -> str:
    """Write Claude's family before its version, as its maker does; Cursor and older names have it behind.

    >>> family_first("claude-4-5-sonnet"), family_first("claude-5-opus-fast"), family_first("gpt-5")
    ('claude-sonnet-4-5', 'claude-opus-5-fast', 'gpt-5')
    """
    return _VERSION_FIRST.sub(lambda found: "-".join(filter(None, ("claude", *found.group(3, 1, 2)))), identity)


def bare_name(name: str) -> str:
    """Take off where a model is served and who made it; date and version stay.

    >>> bare_name("us.anthropic.claude-opus-5-20260203-v1:0"), bare_name("models/gemini-2.5-pro")
    ('claude-opus-5-20260203-v1:0', 'gemini-2.5-pro')
    """
    name = _PATH.sub("", _folded(name))
    while (shorter := _MAKER.sub("", name)) != name:
        name = shorter
    return _BEDROCK.sub("", name)


def cloud_of(name: str) -> str | None:
    """Say which cloud serves a model, where its name shows it: "aws", "google", "azure" or "openrouter".

    >>> cloud_of("us.anthropic.claude-opus-5-v1:0"), cloud_of("claude-opus-5@20260203"), cloud_of("claude-opus-5")
    ('aws', 'google', None)
    """
    folded = _folded(name)
    return next((cloud for cloud, shows in _SERVED_BY if shows.search(folded)), None)


def is_global(name: str) -> bool:
    """Whether a name asks Bedrock for any region: its other prefixes cost a tenth more."""
    return bool(_GLOBAL.search(_folded(name)))


def _folded(name: str) -> str:
    return _SPACE.sub("-", name.strip().lower())


def _undated(name: str) -> str:
    """Take off which build of the model it is, and write versions one way."""
    if switch := _FAST_SWITCH.search(name):
        name = name[: switch.start()] + ("-fast" if switch.group(1) == "true" else "")
    while name not in _PRICED_BY_DATE and (shorter := _LATEST.sub(r"\1", _VERSION.sub("", name))) != name:
        name = shorter
    name = _DATED_MODE.sub("", name)
    if name.startswith("claude-"):
        return _ZERO.sub(r"\1", _DOTTED.sub("-", name))
    name = _GEMINI_BUILD.sub(r"\1", name)
    return _GPT.sub(lambda found: "gpt-" + ".".join(filter(None, found.groups())), name)
