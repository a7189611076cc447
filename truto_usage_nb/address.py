"""Where the token may go: https anywhere, plain http on this machine only. No I/O."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from truto_usage_nb.errors import InputError
from truto_usage_nb.secret import Secret

__all__ = ["checked_token", "checked_url", "is_loopback"]


def checked_url(base_url: str) -> str:
    """Give the service's URL without a slash at its end; raises `InputError` where a token must not be sent.

    >>> checked_url("https://api.truto.one/")
    'https://api.truto.one'
    """
    parts = _split(base_url)
    if parts.username is not None or parts.password is not None:
        raise InputError("base_url holds a user name or password; leave them out and pass the token as token=")
    if parts.query or parts.fragment:
        raise InputError(f"base_url={base_url!r} has a query or a fragment; give scheme, host and path alone")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise InputError(f"base_url={base_url!r} is not a web address; give one like 'https://api.truto.one'")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InputError(f"base_url={base_url!r} would send the token unencrypted; use https (http on loopback only)")
    return base_url.strip().rstrip("/")


def _split(base_url: str) -> SplitResult:
    try:
        parts = urlsplit(base_url.strip())
        _ = parts.port  # read here, for a wrong one raises when it is read
    except ValueError as problem:
        raise InputError(f"base_url is not a web address: {problem}") from None
    return parts


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name alone, without asking a name server.

    >>> is_loopback("127.0.0.1"), is_loopback("sandbox.localhost"), is_loopback("localhost.example.com")
    (True, True, False)
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def checked_token(token: Secret) -> Secret:
    """Give the token back if it can stand in a header; raises `InputError`, which never shows it."""
    if _is_empty(token):
        raise InputError("the token is empty; pass the one the service gave you")
    if not _fits_a_header(token):
        raise InputError("the token holds a space, a control character or a letter beyond ASCII; copy it again")
    return token


def _is_empty(token: Secret) -> bool:
    return not token.reveal()


def _fits_a_header(token: Secret) -> bool:
    text = token.reveal()
    return text.isascii() and text.isprintable() and " " not in text
