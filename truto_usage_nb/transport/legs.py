"""A walk's pages on their way: one ahead of the caller, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from truto_usage_nb.envelope import hinted_cursor
from truto_usage_nb.paging import Page, PageRequest, after
from truto_usage_nb.transport.errand import Reply

__all__ = ["Leg", "following"]

Fetch = Callable[[PageRequest, Callable[[Reply], bool]], Coroutine[Any, Any, Page]]


class Leg:
    """Fetch one page, and send out for the one after it as soon as this one's bytes are here.

    The page after it is asked for on a hint, before this page is read; whoever drives the walk takes it over only if
    the walk asks for the very same. While the caller is busy elsewhere (`wanted` is False), nothing is sent out.
    """

    def __init__(self, fetch: Fetch, request: PageRequest) -> None:
        self.request = request
        self.wanted = False
        self._fetch = fetch
        self._early: Leg | None = None
        self._task = asyncio.create_task(fetch(request, self._glance))

    async def page(self) -> Page:
        """Wait for the page."""
        self.wanted = True
        return await self._task

    async def next(self, request: PageRequest | None) -> Leg | None:
        """Give the leg that fetches `request`: the one sent out early if it is that, else a new one."""
        early, self._early = self._early, None
        if early is not None and early.request == request:
            return early
        if early is not None:
            await early.call_off()
        return None if request is None else Leg(self._fetch, request)

    async def call_off(self) -> None:
        """End what is under way, and wait until it has ended."""
        for leg in (self, self._early):
            if leg is not None:
                leg._task.cancel()
                await asyncio.wait([leg._task])
                _take_note(leg._task)

    def _glance(self, reply: Reply) -> bool:
        """Send out for the next page if the tail of this one hints at it; says whether something left."""
        if not self.wanted or self._early is not None or self.request.keep is not None:
            return False
        cursor = hinted_cursor(reply.content)
        if cursor is None:
            return False
        self._early = Leg(self._fetch, after(self.request, cursor))
        return True


def following(walking: Generator[PageRequest, Page, None], page: Page) -> PageRequest | None:
    """Send a page into a walk; gives the next request, None at the end."""
    try:
        return walking.send(page)
    except StopIteration:
        return None


def _take_note(task: asyncio.Task[Page]) -> None:
    """Look at an error that nobody waits for any more, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()
