"""The door of the service: who may come in, for which account, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from starlette.requests import Request

from truto_usage_nb.sandbox.budget import Budget, Standing, unmetered
from truto_usage_nb.sandbox.wire import Problem


class Gate:
    """Tokens and budgets. A token is good for every account, or bound to one.

    `budget`: False refuses nobody, True counts against the vendor's own limit, a text such as `3;w=1` against that.
    """

    def __init__(self, token: str, scoped_tokens: Mapping[str, str], budget: bool | str) -> None:
        self._tokens: dict[str, str | None] = {token: None, **scoped_tokens}
        self._limit = budget
        self._budget = Budget()

    def authorise(self, request: Request) -> str | None:
        """Return the account the request's token is bound to, None for all; 401 without a valid token."""
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        for token, scope in self._tokens.items():
            if scheme.lower() == "bearer" and compare_digest(sent.strip().encode(), token.encode()):
                return scope
        raise Problem(401, "The request has no valid bearer token", headers={"www-authenticate": "Bearer"})

    def spend(self, account_id: str, limit: str) -> Standing:
        """Count a request against the account's budget and return where it stands."""
        if self._limit is False:
            return unmetered(limit)
        return self._budget.spend(account_id, limit if self._limit is True else self._limit)
