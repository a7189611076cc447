"""Serve the sandbox over HTTP: `python -m truto_usage_nb.sandbox --port 8787`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

from truto_usage_nb.sandbox.app import DEFAULT_TOKEN, DEFAULT_WORLD, create_app
from truto_usage_nb.sandbox.ask import World
from truto_usage_nb.sandbox.serve import bind, server_of, url_of

_SHOWN = 2_000  # characters of what was typed


def _moment(text: str) -> datetime:
    """Read a date or an instant; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Refuse, and show of what was typed what fits on a screen."""
        shown = "".join(each if each.isprintable() else "?" for each in message[:_SHOWN])
        super().error(shown + ("…" if len(message) > _SHOWN else ""))


def _arguments(argv: Sequence[str] | None, prog: str) -> argparse.Namespace:
    about = "Serve the embedded service on this machine; what it prints first are the settings to reach it."
    parser = _Parser(prog=prog, description=about)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one (default)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default %(default)s)")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the bearer token to accept (default %(default)s)")
    parser.add_argument("--seed", type=int, default=DEFAULT_WORLD.seed, help="another seed, another company's data")
    parser.add_argument("--now", type=_moment, default=DEFAULT_WORLD.now, help="the moment it believes it is, UTC")
    parser.add_argument("--scale", type=float, default=DEFAULT_WORLD.scale, help="how large the company is (default 1)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, *, prog: str = "python -m truto_usage_nb.sandbox") -> int:
    """Serve until interrupted; the first lines printed say where and with which token."""
    arguments = _arguments(argv, prog)
    world = World(seed=arguments.seed, now=arguments.now, scale=arguments.scale)
    app = create_app(world, arguments.token)
    try:
        listening = bind(arguments.host, arguments.port)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"cannot serve at {arguments.host}:{arguments.port}: {error}\n")
        return 1
    sys.stdout.write(f"TRUTO_BASE_URL={url_of(listening)}\nTRUTO_API_TOKEN={arguments.token}\n")
    sys.stdout.flush()
    try:
        server_of(app).run(sockets=[listening])
    except asyncio.CancelledError:  # Ctrl-C in the moment in which asyncio has cancelled, and not yet begun to count
        raise KeyboardInterrupt from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
