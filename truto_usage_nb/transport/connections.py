"""One event loop's connections to the service: pooled, a number of slots, a pace for each account.

A try ends in a value, an answer or the error it comes to, never in an exception of httpx: those hold the request, and
the frames of their tracebacks the token. A body is unpacked as it comes, and never larger than what is allowed,
whatever a small answer unpacks to. Of what the environment adds, proxies and certificates, an error names the variable
that cannot be used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import ssl
import traceback
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

import httpx

from truto_usage_nb.clock import Clock
from truto_usage_nb.errors import ConnectionFailedError, InputError, ProtocolError, UsageError
from truto_usage_nb.limits import AccountLimit
from truto_usage_nb.outside import cut, one_line
from truto_usage_nb.secret import Secret, masked

SAYS_WHERE = "says_where"
"""The attribute by which an error of a transport tells that its own words say what could not be reached."""

CODINGS = "gzip, deflate"
"""What is asked for: codings that unpack a bounded piece at a time."""
MAX_BODY_BYTES = 512 * 1024 * 1024
_REFUSAL_BYTES = 8 * 1024 * 1024
_LONG_NUMBER = 20
_PIECE_BYTES = 1024 * 1024
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_PROXIES = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")
_EXEMPT = "NO_PROXY"
_LONGEST_LABEL = 63
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
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
    """Say how connections are made: where to, with what token, how patient, how many at once, how much of an answer."""

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


class Connections:
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
    # what stands in the place of the network asks elsewhere, and names it
    says_where = getattr(fault, SAYS_WHERE, False)
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


async def read_body(response: httpx.Response, most: int) -> bytes | UsageError:
    """Give the whole body, or the error it comes to: too large, in a coding nobody asked for, or cut.

    Of a refusal, no more than the beginning is kept.
    """
    limit = most if response.is_success else min(most, _REFUSAL_BYTES)
    told = response.headers.get("content-length", "")
    if response.is_success and told.isdecimal() and len(told) < _LONG_NUMBER and int(told) > limit:
        return _too_large(most)
    held = bytearray()
    try:
        async for piece in _pieces(response):
            held += piece
            if len(held) > limit:
                return bytes(held[:limit]) if not response.is_success else _too_large(most)
    except _Unreadable as problem:
        return problem.error if response.is_success else bytes(held)
    return bytes(held)


class _Unreadable(Exception):
    """A body cannot be unpacked; `error` says why."""

    def __init__(self, error: UsageError) -> None:
        super().__init__(error)
        self.error = error


def _pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    codings = _codings(response.headers.get("content-encoding", ""))
    if not response.is_stream_consumed:
        pieces = response.aiter_raw()
    else:  # a transport of the caller's made it in memory, where httpx has unpacked what it knows
        pieces = _once(response.content)
        codings = [coding for coding in codings if coding == "x-gzip"]
    for coding in reversed(codings):
        pieces = _unpacked(pieces, coding)
    return pieces


def _codings(header: str) -> list[str]:
    named = [each.strip().lower() for each in header.split(",")]
    return [each for each in named if each not in ("", "identity")]


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _unpacked(pieces: AsyncIterator[bytes], coding: str) -> AsyncIterator[bytes]:
    """Unpack a coding, a bounded piece at a time; members of gzip may follow each other."""
    inflate: Any = None
    async for packed in pieces:
        left = packed
        while left:
            inflate = inflate or _inflater(coding, left)
            try:
                piece = inflate.decompress(left, _PIECE_BYTES)
            except zlib.error as problem:
                raise _Unreadable(_damaged(str(problem))) from None
            if piece:
                yield piece
            left = inflate.unconsumed_tail
            if inflate.eof:
                left, inflate = inflate.unused_data, None
                if coding == "deflate":
                    return
    if inflate is not None:
        raise _Unreadable(_damaged("it ends in the middle"))


def _inflater(coding: str, first: bytes) -> Any:
    if coding in ("gzip", "x-gzip"):
        return zlib.decompressobj(_GZIP)
    if coding == "deflate":  # by the book with a head of zlib's; some leave it out
        has_head = len(first) > 1 and first[0] & 0x0F == 8 and (first[0] << 8 | first[1]) % 31 == 0
        return zlib.decompressobj(_ZLIB if has_head else _BARE)
    raise _Unreadable(
        ProtocolError(
            f"the answer is packed as {cut(coding, 60)!r}, which was not asked for ({CODINGS}); whatever stands between"
            " here and the service should leave the answer as it is"
        )
    )


def _damaged(why: str) -> ConnectionFailedError:
    return ConnectionFailedError(f"the answer could not be decompressed ({why})")


def _too_large(most: int) -> ProtocolError:
    return ProtocolError(
        f"the answer is larger than max_body_bytes={most:,}; ask for less at a time (records_per_page=, a shorter "
        "period), or allow more: Client(max_body_bytes=…)"
    )


@cache
def certificates() -> ssl.SSLContext:
    """Read the certificates once: it takes longer than many a request. Raises `InputError`, naming the variable."""
    try:
        return httpx.create_ssl_context()
    except OSError as problem:  # ssl's errors are of this kind
        named = [name for name in _CERTIFICATES if os.environ.get(name)]
        why = problem.strerror or str(problem)
    if not named:
        raise InputError(f"the certificates of this Python cannot be read ({why}); install certifi anew")
    said = ", ".join(f"{name}={os.environ[name]!r}" for name in named)
    raise InputError(f"{said} cannot be used ({why}); name a readable file of certificates, or unset it")


def check_proxies() -> None:
    """Raise `InputError` where a proxy that the environment names cannot be used."""
    for name, value, why in _unusable():
        raise InputError(f"{name}={_without_password(value)!r} cannot be used: {why}; mend it, or unset it")


def proxies_refused(problem: Exception) -> InputError:
    """Make the error of a proxy that is refused further down; no password is shown."""
    said = ", ".join(_named(each) for each in (*_PROXIES, _EXEMPT) if os.environ.get(_named(each)))
    said = said or "the system's own settings"
    return InputError(f"a proxy that {said} names cannot be used ({type(problem).__name__}); mend or unset it")


def _named(name: str) -> str:
    """Give the name under which a variable counts: in small letters, if there is one."""
    return name.lower() if os.environ.get(name.lower()) else name


def _unusable() -> Iterator[tuple[str, str, str]]:
    for name in map(_named, _PROXIES):
        value = os.environ.get(name)
        if value and (why := _why_no_proxy(value)):
            yield name, value, why
    name = _named(_EXEMPT)
    for host in map(str.strip, os.environ.get(name, "").split(",")):
        if host and not _is_exempt(host):
            yield name, os.environ[name], f"{host!r} is no host's name; an address stands without brackets"


def _why_no_proxy(value: str) -> str | None:
    """Say why a proxy's address cannot be used; None if it can."""
    try:
        url = httpx.Proxy(value if "://" in value else f"http://{value}").url
    except (ValueError, httpx.InvalidURL):
        return "it is no proxy's address, such as http://proxy.example.com:8080"
    if not url.host or any(len(label) > _LONGEST_LABEL for label in url.host.split(".")):
        return "it names no host"
    if url.scheme.startswith("socks") and find_spec("socksio") is None:
        return "SOCKS needs an optional part: pip install 'httpx[socks]'"
    return None


def _is_exempt(host: str) -> bool:
    """Say whether httpx can read what is exempt from proxies: an address, a name or the end of one."""
    try:
        ipaddress.ip_address(host.partition("/")[0])
    except ValueError:
        try:
            httpx.URL(host if "://" in host else f"all://*{host}")
        except httpx.InvalidURL:
            return False
    return True


def _without_password(value: str) -> str:
    return re.sub(r"(^|://).*@", r"\1****@", value)
