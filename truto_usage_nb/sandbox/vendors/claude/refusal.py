"""How the vendor says no, in its own words and shape."""

from __future__ import annotations

from truto_usage_nb.sandbox.ask import Refused


def invalid(message: str) -> Refused:
    """Return the vendor's 400 for a request it does not accept.

    >>> invalid("limit: too large").body["error"]["type"]
    'invalid_request_error'
    """
    error = {"type": "invalid_request_error", "message": message}
    return Refused(400, {"type": "error", "error": error, "request_id": "req_011TideSandbox"})
