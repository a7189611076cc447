"""One event loop's line to the service: pooled connections, a number of slots, a pace for each account.

A try ends in a value, an answer or the error it comes to, never in an exception of httpx: those hold the request, and
the frames of their tracebacks the token.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from truto_usage_nb.clock import Clock
from truto_usage_nb.errors import ConnectionFailedError, InputError, ProtocolError, UsageError
from truto_usage_nb.limits import AccountLimit
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.secret import Secret, masked
from truto_usage_nb.transport.body import CODINGS, read_body
from truto_usage_nb.transport.surroundings import certificates, check_proxies, proxies_refused

__all__ = ["SAYS_WHERE", "Answer", "Line", "Settings"]

SAYS_WHERE = "says_where"
"""The attribute by which an error of the line tells that its own words say what could not be reached."""

_KEEPALIVE_SECONDS = 15.0
_POOL_CONNECTIONS = 8
"""The most connections of one pool: httpcore looks through all of them at every request, so many cost much each."""
_HEADERS = {
    "Accept": "application/json, application/x-ndjson", "Accept-Encoding": CODINGS, "User-Agent": "truto-usage-nb",
}  # fmt: skip
_SHOWN_CHARACTERS = 300
_LONGEST_ADDRESS = 65_536  # as httpx has it
_SET_ASIDE = "truto_usage_nb.set_aside"


@dataclass(frozen=True, slots=True)
class Settings:
    """Say how lines are laid: where to, with what token, how patient, how many at once, how much of an answer."""

    base_url: str
    token: Secret | None
    timeout: httpx.Timeout
    concurrency: int
    max_body_bytes: int
    longest_wait_seconds: float
    transport: httpx.AsyncBaseTransport | None
    clock: Clock


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold a whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)


class Line:
    """Send requests from one event loop, and close with it."""

    def __init__(self, settings: Settings, on_close: Callable[[], object]) -> None:
        self.slots = asyncio.Semaphore(settings.concurrency)
        self._settings = settings
        self._pools = [_Pool(_client(settings))]
        self._limits: dict[str | None, AccountLimit] = {}
        self._life = _life(self._pools, on_close)

    async def open(self) -> None:
        """Bind the connections to the running loop: `asyncio.run` closes them when it ends."""
        await anext(self._life)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._life.aclose()

    def limit(self, account: str | None) -> AccountLimit:
        """Give the pace of an account."""
        if account not in self._limits:
            self._limits[account] = AccountLimit(self._settings.clock, self._settings.longest_wait_seconds)
        return self._limits[account]

    async def send(self, path: str, params: Sequence[tuple[str, str]]) -> Answer | UsageError:
        """Try once; gives the answer, whatever its status, or the error of a request that did not come to one."""
        if sum(len(name) + len(value) for name, value in params) > _LONGEST_ADDRESS:
            return _unaskable(params)
        pool = self._least_busy()
        try:
            request = pool.client.build_request("GET", path, params=list(params))
        except (httpx.InvalidURL, UnicodeError):  # too long, or half of a surrogate pair
            return _unaskable(params)
        pool.under_way += 1
        try:
            response = await pool.client.send(request, stream=True)
            try:
                content = await read_body(response, self._settings.max_body_bytes)
            finally:
                await response.aclose()
        except httpx.HTTPError as fault:
            problem: UsageError = _broken(fault, self._settings.base_url)
        except UnicodeError as fault:  # the name of a host that no name server can be asked for: ours is checked
            problem = proxies_refused(fault)
        except BaseException as fault:
            _forget_locals(fault)
            raise
        else:
            if isinstance(content, UsageError):
                return content
            headers = {**response.headers, **response.extensions.get(_SET_ASIDE, {})}
            return Answer(response.status_code, headers, content)
        finally:
            pool.under_way -= 1
        return problem

    def _least_busy(self) -> _Pool:
        """Give the pool with the fewest requests under way, a new one where all are full: a transport has one."""
        found = min(self._pools, key=lambda pool: pool.under_way)
        if found.under_way >= _POOL_CONNECTIONS and self._settings.transport is None:
            found = _Pool(_client(self._settings))
            self._pools.append(found)
        return found


@dataclass(slots=True)
class _Pool:
    """Hold a client with connections of its own, and how many requests are under way on them."""

    client: httpx.AsyncClient
    under_way: int = 0


async def _life(pools: list[_Pool], on_close: Callable[[], object]) -> AsyncGenerator[None, None]:
    """Live as long as the loop: a loop that shuts down closes the generators that were started in it."""
    try:
        yield
    finally:
        on_close()
        for pool in pools:
            await pool.client.aclose()


def _client(settings: Settings) -> httpx.AsyncClient:
    """Make the pooled client; raises `InputError` where the environment names a proxy or certificates of no use."""
    encrypted = settings.base_url.lower().startswith("https")
    verify = certificates() if encrypted else False  # where nothing is encrypted nothing is verified
    if encrypted and settings.transport is None:
        check_proxies()
    most = settings.concurrency if settings.transport is not None else min(settings.concurrency, _POOL_CONNECTIONS)
    try:
        return httpx.AsyncClient(
            base_url=settings.base_url,
            auth=None if settings.token is None else _Bearer(settings.token),
            headers=_HEADERS,
            timeout=settings.timeout,
            limits=httpx.Limits(
                max_connections=most, max_keepalive_connections=most, keepalive_expiry=_KEEPALIVE_SECONDS
            ),
            follow_redirects=False,  # a token is not carried elsewhere
            trust_env=encrypted,  # plain http stays on this machine: no proxy may see it
            verify=verify,
            transport=settings.transport,
            event_hooks={"response": [_set_aside]},
        )
    except (httpx.InvalidURL, ValueError, ImportError) as problem:  # the address itself is checked already
        refused = proxies_refused(problem)
    raise refused


async def _set_aside(response: httpx.Response) -> None:
    """Keep httpx from reading where a redirect leads: it is not followed, and may be no address at all."""
    if "location" in response.headers:
        response.extensions[_SET_ASIDE] = {"location": response.headers.pop("location")}


class _Bearer(httpx.Auth):
    """Put the token on a request at the last moment."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


def _unaskable(params: Sequence[tuple[str, str]]) -> UsageError:
    """Say which parameter makes a request that cannot be written: one that is no text, or else the longest."""
    name, value = max(params, key=lambda pair: (not _is_unicode("".join(pair)), len(pair[1])), default=("", ""))
    why = f"it has {len(value):,} characters, and an address has no room for them"
    if not _is_unicode(name + value):
        why = "half of a surrogate pair is no text"
    kind = ProtocolError if name == "next_cursor" else InputError  # the service's own words, or the caller's
    return kind(f"{name}={cut(repr(masked(value)), 60)} cannot be asked with: {why}")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _broken(fault: httpx.HTTPError, base_url: str) -> UsageError:
    said = cut(one_line(masked(str(fault))), _SHOWN_CHARACTERS) or type(fault).__name__
    if isinstance(fault, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ProtocolError(f"the request could not be sent: {said}")
    retryable = "CERTIFICATE_VERIFY_FAILED" not in said
    happened = _what_happened(fault)
    says_where = getattr(fault, SAYS_WHERE, False)  # what stands in the line's place asks elsewhere, and names it
    where = f" at {base_url}" if happened == _UNREACHABLE and not says_where else ""
    return ConnectionFailedError(f"{happened}{where} ({said})", retryable=retryable)


_UNREACHABLE = "the service could not be reached"


def _what_happened(fault: httpx.HTTPError) -> str:
    if isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return _UNREACHABLE
    if isinstance(fault, httpx.TimeoutException):
        return "the service did not answer in time"
    if isinstance(fault, httpx.DecodingError):
        return "the answer could not be decompressed"
    return "the connection broke"


def _forget_locals(fault: BaseException) -> None:
    """Clear what the frames of an error held, the header with the token among it; the lines stay."""
    seen: set[int] = set()
    link: BaseException | None = fault
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
