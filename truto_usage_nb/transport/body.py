"""An answer's body: unpacked as it comes, and never larger than what is allowed, whatever a small answer unpacks to."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from truto_usage_nb.errors import ConnectionFailedError, ProtocolError, UsageError
from truto_usage_nb.outside import cut

__all__ = ["CODINGS", "MAX_BODY_BYTES", "read_body"]

CODINGS = "gzip, deflate"
"""What is asked for: codings that unpack a bounded piece at a time."""
MAX_BODY_BYTES = 512 * 1024 * 1024
_REFUSAL_BYTES = 8 * 1024 * 1024
_LONG_NUMBER = 20
_PIECE_BYTES = 1024 * 1024
_GZIP, _ZLIB, _BARE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


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
