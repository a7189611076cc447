"""Where the API organisations' tokens come from: what runs in which project, on which key and model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stream:
    """One steady use of the API; counts are those of an ordinary Monday.

    Tokens are in millions: uncached input, cached input, cache writes, output. `by` is who is named as user: `nobody`
    for a key that belongs to the project, `bot` for the service account, `everyone` for each person in turn.
    `without_key` is the playground. `pieces` counts what is not tokens.
    """

    project: str
    name: str
    model: str | None
    tokens: tuple[float, float, float, float] = (0, 0, 0, 0)
    kind: str = "completions"
    pieces: float = 0
    by: str = "nobody"
    batch: bool = False
    without_key: bool = False


_GPT_5, _MINI, _GPT_4O = "gpt-5-2025-08-07", "gpt-5-mini-2025-08-07", "gpt-4o-2024-08-06"

STREAMS: dict[str, tuple[Stream, ...]] = {
    "openai-api": (
        Stream("search", "answers", _GPT_5, (44, 66, 0, 6)),
        Stream("search", "index", "text-embedding-3-large", (140, 0, 0, 0), kind="embeddings"),
        Stream("search", "answers", _GPT_5, kind="web_search_calls", pieces=600),
        Stream("support-bot", "chat", _MINI, (60, 150, 0, 15)),
        Stream("support-bot", "summaries", _GPT_4O, (4.5, 1.5, 0, 1.1)),
        Stream("evaluation", "nightly", _MINI, (75, 0, 0, 11), batch=True),
        Stream("research", "notebooks", _GPT_5, (4, 5, 0, 0.5), by="everyone"),
        Stream("research", "agents", "gpt-6-astra", (1.5, 4.5, 0.8, 0.45)),
        Stream("research", "playground", _GPT_4O, (0.6, 0.1, 0, 0.15), by="everyone", without_key=True),
        Stream("research", "plots", None, kind="code_interpreter_sessions", pieces=45),
        Stream("codex-ci", "reviews", "gpt-5.3-codex", (3.6, 22, 0, 0.6), by="bot"),
        Stream("marketing", "pictures", "gpt-image-1", kind="images", pieces=110),
    ),
    "openai-api-eu": (
        Stream("helpdesk", "chat", _GPT_5, (20, 35, 0, 3.2)),
        Stream("helpdesk", "triage", _MINI, (30, 60, 0, 7)),
        Stream("catalogue", "translations", _GPT_4O, (5, 1, 0, 2.2), batch=True),
        Stream("catalogue", "vectors", "text-embedding-3-large", (60, 0, 0, 0), kind="embeddings"),
        Stream("catalogue", "pictures", "gpt-image-1", kind="images", pieces=60),
    ),
    "openai-api-moved": (
        Stream("legal", "contracts", _GPT_5, (9, 12, 0, 1.8)),
        Stream("legal", "drafts", _GPT_4O, (3, 1, 0, 1.4), by="everyone"),
        Stream("legal", "contracts", _GPT_5, kind="web_search_calls", pieces=200),
    ),
}
