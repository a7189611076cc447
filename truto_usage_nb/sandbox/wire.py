"""What the service puts on the wire: JSON, the error envelope, and nothing that knows a vendor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from truto_usage_nb.sandbox.ask import Refused

JSON_TYPE = "application/json; charset=utf-8"
NDJSON_TYPE = "application/x-ndjson; charset=utf-8"


class Problem(Exception):
    """Something the service answers with its error envelope instead of a result."""

    def __init__(
        self,
        status: int,
        message: str,
        details: Mapping[str, Any] | None = None,
        *,
        raw_response: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details
        self.raw_response = raw_response
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the envelope: statusCode, error, message, and what is known of details and the provider."""
        body: dict[str, Any] = {"statusCode": self.status, "error": phrase(self.status), "message": self.message}
        if self.details is not None:
            body["details"] = dict(self.details)
        if self.raw_response is not None:
            body |= {"truto_is_remote_error": True, "raw_response": self.raw_response}
        return body


def phrase(status: int) -> str:
    """Return the standard phrase of an HTTP status, such as `Unprocessable Entity`."""
    phrases = {422: "Unprocessable Entity", 425: "Too Early"}  # their names differ between Python versions
    return phrases.get(status) or HTTPStatus(status).phrase


def unprocessable(parameter: str, value: object, message: str, allowed: object = None) -> Problem:
    """Return the 422 for one parameter, naming it, what was sent and what is allowed."""
    details = {"parameter": parameter, "value": value}
    if allowed is not None:
        details["allowed"] = allowed
    return Problem(422, f"{parameter} {message}", details)


def refused(refusal: Refused) -> Problem:
    """Wrap a provider's own refusal: its 400 becomes the service's 422, other statuses stay."""
    status = 422 if refusal.status == 400 else refusal.status
    return Problem(status, f"The provider refused the request: {_said(refusal.body)}", raw_response=refusal.body)


def _said(body: Mapping[str, Any]) -> str:
    """Find the sentence in a provider's error body, whatever its shape."""
    for key in ("message", "detail", "error", "errors"):
        found = body.get(key)
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, Mapping):
            return _said(found)
        if isinstance(found, str):
            return found
    return "no reason given"


def dump(value: object) -> bytes:
    """Return compact UTF-8 JSON; NaN and infinity are refused, for they are not JSON.

    The fast writer lets them through, so a body that spells one, though it be in a text, is left to the strict one.

    >>> dump({"amount": 0.5, "model": "é"})
    b'{"amount":0.5,"model":"\\xc3\\xa9"}'
    """
    body = to_json(value, inf_nan_mode="constants")
    if b"NaN" in body or b"Infinity" in body:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return body


def dump_list(values: Iterable[bytes]) -> bytes:
    """Return the JSON list of values that are JSON already."""
    return b"[" + b",".join(values) + b"]"


def dump_object(fields: Mapping[str, bytes]) -> bytes:
    """Return the JSON object of fields whose values are JSON already.

    >>> dump_object({"result": dump_list([b"1", b"2"]), "next_cursor": b"null"})
    b'{"result":[1,2],"next_cursor":null}'
    """
    return b"{" + b",".join(dump(name) + b":" + value for name, value in fields.items()) + b"}"


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer."""
    return Response(dump(value), status, headers, media_type=JSON_TYPE)


def problem_response(problem: Problem) -> Response:
    """Return a problem as its envelope."""
    return json_response(problem.body(), problem.status, problem.headers)
