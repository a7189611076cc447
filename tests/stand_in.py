"""A transport whose requests go to a function instead of a socket, by httpx's own seam."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.loopback import FlyingClock
from truto_usage_nb import errors
from truto_usage_nb.transport import Transport

GOOD = httpx.Response(200, json={"result": []})


def transport_of(handler, **options):
    """Give a transport whose requests go to `handler`, and its clock."""
    clock = options.pop("clock", None) or FlyingClock()
    mock = httpx.MockTransport(handler)
    return Transport(token="tk", base_url="https://api.test", transport=mock, clock=clock, **options), clock


def answers(*responses):
    """Answer with these one by one, then with the last one for ever; `.asked` counts."""
    left = list(responses)

    def handler(request):
        handler.asked += 1
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        return httpx.Response(given.status_code, headers=given.headers, content=given.content)

    handler.asked = 0
    return handler


def get(transport, **options):
    return asyncio.run(transport.get("/things", [("a", "b")], **options))


def failure(transport, **options):
    with pytest.raises(errors.UsageError) as caught:
        get(transport, **options)
    return caught.value
