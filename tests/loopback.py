"""A tiny service on a raw socket that breaks the line in every way a line can break. Stands apart from the sandbox.

Pages are asked for by `next_cursor`: none is page 0, `c3` is page 3. Each page has a list of faults, used up one a
request; after them the page is served whole.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from truto_usage_nb.clock import Clock

STATUSES = {"408": 408, "409": 409, "425": 425, "429": 429, "502": 502, "503": 503, "504": 504}
BROKEN_LINES = ("reset", "no answer", "cut length", "cut chunks", "cut json", "stalled body", "stalled head", "garbage")
DEATH = "death"
FAULTS = (*STATUSES, *BROKEN_LINES, DEATH)


class FlyingClock(Clock):
    """Wait without waiting: time flies instead. `on_sleep` is called with each wait."""

    def __init__(self, on_sleep: Callable[[float], object] | None = None) -> None:
        self.waits: list[float] = []
        self._flown = 0.0
        self._on_sleep = on_sleep

    def monotonic(self) -> float:
        return super().monotonic() + self._flown

    def jitter(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._flown += seconds
        if self._on_sleep is not None:
            self._on_sleep(seconds)
        await asyncio.sleep(0)


class Service:
    """Serve pages of records on loopback, from a thread of its own.

    `respond` may replace what a request is answered with: it is given the path, the parameters and the headers.
    """

    def __init__(self, pages: list[list[dict[str, Any]]], faults: dict[int, list[str]] | None = None) -> None:
        self.pages = pages
        self.faults = {number: list(kinds) for number, kinds in (faults or {}).items()}
        self.requests: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.respond: Callable[[str, dict[str, str], dict[str, str]], bytes | None] | None = None
        self.delay_seconds = 0.0
        self.open_now = self.most_open = 0
        self.patience_seconds = 30.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Service:
        self._thread.start()
        self._do(self._listen(0))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_dead(self) -> bool:
        return self._server is None

    def revive(self) -> None:
        """Listen again on the same port, if dead."""
        if self._server is None:
            self._do(self._listen(self.port))

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _die(self) -> None:
        assert self._server is not None
        self._server.close()
        self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        if self._server is not None:
            await self._die()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await _head(reader):
                self.open_now += 1
                self.most_open = max(self.most_open, self.open_now)
                try:
                    go_on = await self._answer(writer, *head)
                finally:
                    self.open_now -= 1
                if not go_on:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, path: str, headers: dict[str, str]) -> bool:
        """Answer one request; False closes the connection."""
        parts = urlsplit(path)
        params = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.requests.append(params)
        self.headers.append(headers)
        await asyncio.sleep(self.delay_seconds)
        if self.respond is not None and (own := self.respond(parts.path, params, headers)) is not None:
            writer.write(own)
            await writer.drain()
            return True
        number = int(params.get("next_cursor", "c0")[1:])
        faults = self.faults.get(number)
        return await self._misbehave(writer, faults.pop(0) if faults else "", self.body(number))

    def body(self, number: int) -> bytes:
        last = number == len(self.pages) - 1
        return json.dumps({"result": self.pages[number], "next_cursor": None if last else f"c{number + 1}"}).encode()

    async def _misbehave(self, writer: asyncio.StreamWriter, fault: str, body: bytes) -> bool:
        half = body[: len(body) // 2]
        if fault == DEATH:
            await self._die()
        elif fault == "reset":
            writer.transport.abort()
        elif fault in ("cut length", "stalled body"):
            writer.write(answer(half, length=len(body)))
        elif fault == "cut chunks":
            writer.write(_CHUNKED + f"{len(half):x}\r\n".encode() + half + b"\r\n")
        elif fault not in ("no answer", "stalled head"):
            writer.write(_whole_answer(fault, body, half))
        await writer.drain()
        if fault.startswith("stalled"):
            await asyncio.sleep(self.patience_seconds)
        return fault not in BROKEN_LINES or fault in ("cut json", "garbage")


_CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


def _whole_answer(fault: str, body: bytes, half: bytes) -> bytes:
    if fault in STATUSES:
        headers = {"ratelimit-limit": "9;w=1", "ratelimit-remaining": "0", "ratelimit-reset": "1"}
        said = {"statusCode": STATUSES[fault], "error": "Trouble", "message": f"trouble {fault}"}
        return answer(json.dumps(said).encode(), STATUSES[fault], headers if fault == "429" else {})
    return answer({"garbage": b"<html>we are moving house</html>", "cut json": half}.get(fault, body))


def answer(
    body: bytes = b"", status: int = 200, headers: dict[str, str] | None = None, *, length: int | None = None
) -> bytes:
    """Give an HTTP answer's bytes."""
    said = {"content-type": "application/json", "content-length": str(len(body) if length is None else length)}
    lines = [
        f"HTTP/1.1 {status} Whatever",
        *(f"{name}: {value}" for name, value in {**said, **(headers or {})}.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]] | None:
    try:
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *rest = text.strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    return first.split(" ")[1], {name.lower(): value for name, value in headers.items()}


def records(pages: int, a_page: int = 3) -> list[list[dict[str, Any]]]:
    """Give pages of records with ids that say where they stand."""
    return [
        [{"id": f"{page}-{place}", "note": '"next_cursor": "c0"}'} for place in range(a_page)] for page in range(pages)
    ]
