"""Where the token may go: https anywhere, plain http on this machine only. No I/O."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from truto_usage_nb.errors import InputError
from truto_usage_nb.outside import shown
from truto_usage_nb.secret import Secret

__all__ = ["checked_token", "checked_url", "is_loopback"]


def checked_url(base_url: str, token: Secret | None = None) -> str:
    """Give the service's URL without a slash at its end; raises `InputError` where a token must not be sent.

    What the error shows of the URL holds neither a password nor a query, in which people put tokens.

    >>> checked_url("https://api.truto.one/")
    'https://api.truto.one'
    """
    if not isinstance(base_url, str):
        raise InputError(f"base_url={shown(base_url)} is not a text; give a web address like 'https://api.truto.one'")
    parts = _split(base_url)
    said = repr(base_url.partition("?")[0].partition("#")[0])
    if parts.username is not None or parts.password is not None:
        raise InputError("base_url holds a user name or password; leave them out and pass the token as token=")
    if parts.query or parts.fragment:
        raise InputError(f"base_url={said} has a query or a fragment; give scheme, host and path alone")
    if token is not None and token.is_in(base_url.encode("utf-8", "replace")):
        raise InputError("base_url holds the token; leave it out there and pass it as token= alone")
    if not parts.hostname or parts.scheme not in ("https", "http") or not _is_host(parts.hostname):
        raise InputError(f"base_url={said} is not a web address; give one like 'https://api.truto.one'")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InputError(f"base_url={said} would send the token unencrypted; use https (http on loopback only)")
    return base_url.strip().rstrip("/")


def _split(base_url: str) -> SplitResult:
    try:
        parts = urlsplit(base_url.strip())
        _ = parts.port  # read here, for a wrong one raises when it is read
    except ValueError:
        pass  # that error quotes what may be a token, so ours does not come of it
    else:
        return parts
    raise InputError(
        "base_url is not a web address: its host or port cannot be read; give one like 'https://api.truto.one'"
    )


def _is_host(name: str) -> bool:
    """Say whether a name server could be asked for a name: labels of 1 to 63 letters, in ASCII once encoded."""
    try:
        return ipaddress.ip_address(name.partition("%")[0]) is not None
    except ValueError:
        pass
    try:
        encoded = name.rstrip(".").encode("idna")
    except UnicodeError:
        return False
    return all(letter.isalnum() or letter in "-._" for letter in encoded.decode())


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


_LONGEST = 4_096


def checked_token(token: Secret) -> Secret:
    """Give the token back if it can stand in a header; raises `InputError`, which never shows it."""
    if _is_empty(token):
        raise InputError("the token is empty; pass the one the service gave you")
    if len(token.reveal()) > _LONGEST:
        raise InputError(f"the token is longer than {_LONGEST:,} characters, which no header carries; copy it again")
    if not _fits_a_header(token):
        raise InputError("the token holds a space, a control character or a letter beyond ASCII; copy it again")
    return token


def _is_empty(token: Secret) -> bool:
    return not token.reveal()


def _fits_a_header(token: Secret) -> bool:
    text = token.reveal()
    return text.isascii() and text.isprintable() and " " not in text
