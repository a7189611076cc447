"""Everything that can go wrong, under one root.

    UsageError
    ├── InputError (ValueError)          what was asked cannot be asked
    │   ├── QueryError                   a parameter of the endpoint
    │   ├── PeriodError                  a period
    │   ├── IntegrationUnknownError      an account whose integration nobody can tell
    │   ├── FrameError                   a frame that lacks what a helper needs
    │   │   ├── MixedCurrencyError       a total over several currencies
    │   │   ├── OverlapError             one measure stated by two series
    │   │   ├── DuplicateError           one record twice
    │   │   └── OverhangError            records that stick out of the period
    │   └── LoopThreadError              a blocking call from the loop's own thread
    ├── ServiceError                     the service, or the provider behind it, said no
    │   ├── AuthenticationError          401
    │   ├── ForbiddenError               403
    │   ├── NotFoundError                404
    │   ├── InvalidRequestError          400, 422 and other 4xx
    │   ├── CursorExpiredError           410
    │   ├── RateLimitError               429
    │   └── ServiceUnavailableError      5xx, 408, 409, 425
    ├── ConnectionFailedError            the line broke, or nobody answered in time
    ├── ProtocolError                    an answer that is not what the service documents
    │   └── CursorLoopError              the same cursor a second time
    ├── UnreadableValueError             a value that cannot be held without changing it
    ├── PartialLoadError                 some accounts failed; `.result` has the rest
    ├── DatasetError                     a directory or snapshot that is not, or no longer, ours
    ├── WriteError (OSError)             a file that cannot be written
    └── MissingExtraError (ImportError)  an optional part is not installed

Warnings are one class, `UsageWarning`: something a reader of the figures should know. `tell` issues them; who wants
them as texts instead, in this task or thread alone, opens `hearing()`.
Every error survives pickling, and none ever holds a token: what it says and carries is masked as it is made, and
`client.blocking` sees to what it came from. Nothing in its words controls a terminal.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from types import FrameType
from typing import Any

from truto_usage_nb.outside import one_line, plain, shortened, shown
from truto_usage_nb.secret import masked

__all__ = [
    "AuthenticationError",
    "ConnectionFailedError",
    "CursorExpiredError",
    "CursorLoopError",
    "DatasetError",
    "DuplicateError",
    "ForbiddenError",
    "FrameError",
    "InputError",
    "IntegrationUnknownError",
    "InvalidRequestError",
    "LoopThreadError",
    "MissingExtraError",
    "MixedCurrencyError",
    "NotFoundError",
    "OverhangError",
    "OverlapError",
    "PartialLoadError",
    "PeriodError",
    "ProtocolError",
    "QueryError",
    "RateLimitError",
    "ServiceError",
    "ServiceUnavailableError",
    "UnreadableValueError",
    "UsageError",
    "UsageWarning",
    "WriteError",
    "did_you_mean",
    "hearing",
    "nearest",
    "tell",
]

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)
_told: dict[str, tuple[str | None, int | None]] = {}
_PACKAGE = os.path.join(os.path.dirname(__file__), "")


class UsageWarning(UserWarning):
    """Say something that a reader of the figures should know.

    The same sentence is told once in a session, wherever it comes up, and anew by a cell of a notebook that is run
    again; a filter of one's own says otherwise.
    """


warnings.filterwarnings("once", category=UsageWarning, append=True)  # a caller's filters stand before it


class UsageError(Exception):
    """Stand at the root of every error of this library.

    What to do: catch it where any of them will do; the subclass and its words say more.

    Attributes, None where they do not apply: `status` (HTTP), `retryable` (the same request may succeed later),
    `is_remote` (the provider behind the service failed), `raw_response` (the provider's own body),
    `details` (the service's, or ours), `pages` (pages already had when it happened).
    """

    retryable: bool = False
    _longest = 20_000

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool | None = None,
        is_remote: bool = False,
        raw_response: Any = None,
        details: Any = None,
        pages: int | None = None,
    ) -> None:
        message = shortened(plain(masked(message)), self._longest)
        super().__init__(message)
        self.message = message
        self.status = status
        if retryable is not None:
            self.retryable = retryable
        self.is_remote = is_remote
        self.raw_response = masked(raw_response)
        self.details = masked(details)
        self.pages = pages

    def add_note(self, note: str) -> None:
        """Add a note, without a secret in it."""
        super().add_note(plain(masked(note)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.__dict__.copy())


def _rebuild(kind: type[UsageError], message: str, state: dict[str, Any]) -> UsageError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class InputError(UsageError, ValueError):
    """Refuse what was asked; nothing was sent.

    What to do: read what was refused; nothing was sent, so nothing is lost.
    """

    _longest = 2_000  # whoever asked with a megabyte need not read it again


class QueryError(InputError):
    """Refuse a parameter: names it, the value, and what is allowed.

    What to do: correct the parameter that it names; `tu.PARAMETERS` lists what each takes.
    """


class PeriodError(InputError):
    """Refuse a period.

    What to do: give "2026-10", a pair of dates, or "last-month".
    """


class IntegrationUnknownError(InputError):
    """Say that an account's integration could not be looked up.

    What to do: say `integration="cursor"`, or `integration={"account": "cursor"}` for several.
    """


class FrameError(InputError):
    """Refuse a frame that lacks, or misstates, what a helper needs.

    What to do: give what `load_usage` gave, with the columns that it names.
    """


class MixedCurrencyError(FrameError):
    """Refuse to add amounts of several currencies.

    What to do: ask for one currency's lines, or give `exchange_rates=`.
    """


class OverlapError(FrameError):
    """Refuse to add one measure that two series state.

    What to do: drop one of the two series, or say which counts with the argument that it names, such as `keep=`.
    """


class DuplicateError(FrameError):
    """Refuse a frame that holds one record twice.

    What to do: `tu.deduplicate(frame)` keeps the newest; where none is newer, keep the right one by a filter.
    """


class OverhangError(FrameError):
    """Refuse records that stick out of the loaded period until told what to do with them.

    What to do: load with `overhang="prorate"`, or say "include" or "drop" where the cost is asked for.
    """


class LoopThreadError(InputError, RuntimeError):
    """Refuse a blocking call from the thread that would have to do the work.

    What to do: await the twin whose name begins with `a`, such as `aload_usage`.
    """


class ServiceError(UsageError):
    """Carry what the service answered instead of records.

    What to do: see the subclass; `status` and `raw_response` hold what the service said.
    """


class AuthenticationError(ServiceError):
    """401: the token is missing or not accepted.

    What to do: set `TRUTO_API_TOKEN`, without blanks or quotes around it, or pass `tu.Client(token=...)`.
    """


class ForbiddenError(ServiceError):
    """403: the token may not do this.

    What to do: ask for the scope that is missing, or say `integration=` where accounts may not be looked up.
    """


class NotFoundError(ServiceError):
    """404: there is no such account or resource.

    What to do: see `client.list_accounts()` for the ids there are.
    """


class InvalidRequestError(ServiceError):
    """400 or 422: the service, or the provider, does not accept the request.

    What to do: read `raw_response`: the vendor's own words say what it does not accept.
    """


class CursorExpiredError(ServiceError):
    """410: the bookmark is no longer good; the walk must start again.

    What to do: load again; `tu.scan_usage` goes on from the last page that it kept.
    """


class RateLimitError(ServiceError):
    """429: too many requests, also after waiting as told.

    What to do: wait, or ask for less at once with `tu.Client(concurrency=2)`.
    """

    retryable = True


class ServiceUnavailableError(ServiceError):
    """5xx and the like: the service could not answer just now.

    What to do: try again later; it was tried as often as `retries` says.
    """

    retryable = True


class ConnectionFailedError(UsageError):
    """Say that the line broke or nobody answered in time.

    What to do: see to the line, the proxy or `TRUTO_BASE_URL`, and try again.
    """

    retryable = True


class ProtocolError(UsageError):
    """Say that an answer is not what the service documents.

    What to do: try again; where it stays, report it with the words of the error.
    """


class CursorLoopError(ProtocolError):
    """Say that the service handed out the same cursor twice.

    What to do: report it to the service: no page after it can be had.
    """


class UnreadableValueError(UsageError, ValueError):
    """Name a value that cannot be held in its column without changing it.

    What to do: look at the record by its id in `details`, and report the value to the service.

    `details` holds `record_id`, `path` and `value`.
    """


class PartialLoadError(UsageError):
    """Say which accounts failed; `result` is a `UsageResult` of those that loaded, `errors` the reasons by label.

    What to do: use `result` and say what is missing, or load the accounts named in `errors` again.
    """

    def __init__(self, message: str, *, result: Any = None, errors: dict[str, UsageError] | None = None) -> None:
        super().__init__(message)
        self.result = result
        self.errors = errors or {}


class DatasetError(UsageError):
    """Refuse a directory, or a snapshot, that is not or no longer as we wrote it.

    What to do: give a directory or file of this library's own, or scan into a new one.
    """


class WriteError(UsageError, OSError):
    """Say that a file could not be written, and why; whatever stood there before still does.

    What to do: see to the folder's rights and space; the old file is whole.
    """


class MissingExtraError(UsageError, ImportError):
    """Name the optional part that is missing, and the line that installs it.

    What to do: paste the line that it ends with.
    """


def did_you_mean(wrong: object, known: Iterable[str]) -> str:
    """Give ` Did you mean 'x'?` for a near miss, else an empty text.

    >>> import truto_usage_nb as tu
    >>> tu.errors.did_you_mean("modle_ids", ["model_ids", "user_ids"])
    " Did you mean 'model_ids'?"
    """
    names = {each.lower(): each for each in known}
    close = get_close_matches(_word(wrong), list(names), n=1, cutoff=0.6)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def nearest(wrong: object, known: Iterable[str]) -> str:
    """Give `did_you_mean` for names of which there are many, with up to two more that come near.

    >>> import truto_usage_nb as tu
    >>> tu.errors.nearest("user_mail", ["model_id", "user_email", "user_name"])
    " Did you mean 'user_email'? Near it too: user_name."
    """
    names = {str(each).lower(): str(each) for each in known}
    close = [names[each] for each in get_close_matches(_word(wrong), list(names), n=3, cutoff=0.6)]
    more = f" Near it too: {', '.join(close[1:])}." if close[1:] else ""
    return f" Did you mean {close[0]!r}?{more}" if close else ""


def _word(wrong: object) -> str:
    word = wrong if isinstance(wrong, str) else shown(wrong)
    return word.lower()[:200]


def tell(text: str) -> None:
    """Warn with `UsageWarning` at the line that called this package, or hand the text to whoever opened `hearing()`."""
    text = one_line(masked(text))
    heard = _heard.get()
    if heard is not None:
        heard.append(text)
    else:
        line = _outer_line()
        module = line.f_globals.get("__name__") or ""
        if _action(text, module, line.f_lineno) != "once":
            seen = line.f_globals.setdefault("__warningregistry__", {})
            warnings.warn_explicit(text, UsageWarning, line.f_code.co_filename, line.f_lineno, module, seen)
        elif _is_news(text, *_cell()):
            warnings.showwarning(UsageWarning(text), UsageWarning, line.f_code.co_filename, line.f_lineno)


def _is_news(text: str, cell: str | None, run: int) -> bool:
    """Say whether a text was not told yet, or by this very cell, whose output a new run of it replaces."""
    by, when = _told.get(text, (cell, None))
    is_news = when is None or (cell is not None and by == cell and when != run)
    if is_news:
        _told[text] = (cell, run)
    return is_news


def _cell() -> tuple[str | None, int]:
    """Give the id of the notebook's cell that runs, where the notebook's page sends it, and the number of the run."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    asked = getattr(shell, "parent_header", None) or {}
    return asked.get("metadata", {}).get("cellId"), getattr(shell, "execution_count", 0)


def _action(text: str, module: str, number: int) -> str:
    """Give what the filters say of a warning: Python forgets what it told once with every filter that comes or goes."""
    for action, said, category, name, line in warnings.filters:
        if issubclass(UsageWarning, category) and _fits(said, text) and _fits(name, module) and line in (0, number):
            return action
    return "default"


def _fits(pattern: Any, text: str) -> bool:
    """Say whether a filter's pattern, nothing, or one of Python's own plain texts fits."""
    return pattern is None or (pattern == text if isinstance(pattern, str) else bool(pattern.match(text)))


def _outer_line() -> FrameType:
    """Give the innermost line that is not of this package."""
    line = sys._getframe(1)  # what `skip_file_prefixes` does from Python 3.12 on
    while line.f_back is not None and line.f_code.co_filename.startswith(_PACKAGE):
        line = line.f_back
    return line


@contextmanager
def hearing() -> Iterator[list[str]]:
    """Collect what is told inside, instead of warning; other threads and tasks notice nothing.

    >>> import truto_usage_nb as tu
    >>> with tu.errors.hearing() as said:
    ...     tu.errors.tell("figures are a lower bound")
    >>> said
    ['figures are a lower bound']
    """
    said: list[str] = []
    token = _heard.set(said)
    try:
        yield said
    finally:
        _heard.reset(token)
