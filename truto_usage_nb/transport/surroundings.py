"""What the environment adds to a line: proxies and certificates, and which of its variables cannot be used."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

import httpx

from truto_usage_nb.errors import InputError

__all__ = ["certificates", "check_proxies", "proxies_refused"]

_PROXIES = ("HTTPS_PROXY", "ALL_PROXY", "HTTP_PROXY")
_EXEMPT = "NO_PROXY"
_LONGEST_LABEL = 63
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


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
