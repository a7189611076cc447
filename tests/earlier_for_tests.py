"""What an earlier version left behind, unpacked; see tests/fixtures/README.md."""

from __future__ import annotations

import json
import tarfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import polars as pl

EARLIER = Path(__file__).with_name("fixtures") / "version_1"
EXPECTED = json.loads((EARLIER / "expected.json").read_text(encoding="utf-8"))


def unpacked(name: str, to: Path) -> Path:
    """Give a dataset's directory as it was left."""
    with tarfile.open(EARLIER / f"{name}.tar.xz") as archive:
        archive.extractall(to, filter="data")
    return to / "dataset"


def figures(frame: pl.DataFrame | pl.LazyFrame) -> dict[str, Any]:
    """Give what `expected.json` holds of a frame."""
    held = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
    columns = {each.name: [str(each.dtype), _digest(each)] for each in held if each.null_count() < held.height}
    return {"records": held.height, "columns": columns, "width": held.width}


def _digest(series: pl.Series) -> str:
    return sha256(json.dumps(series.to_list(), default=str).encode()).hexdigest()[:8]


class Tape(httpx.AsyncBaseTransport):
    """Answer as the service did then: each request by its account, report type, window and cursor."""

    def __init__(self, name: str) -> None:
        with tarfile.open(EARLIER / f"{name}.tar.xz") as archive:
            held = archive.extractfile("tape.json")
            assert held is not None
            self.answers = json.load(BytesIO(held.read()))
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        said = dict(request.url.params.multi_items())
        named = [f"{name}={said[name]}" for name in _NAMES if name in said]
        self.asked += request.url.path.endswith("/usage")
        return httpx.Response(200, json=self.answers[" ".join([request.url.path, *named])])


_NAMES = ("integrated_account_id", "report_type", "start_date", "date", "next_cursor")
