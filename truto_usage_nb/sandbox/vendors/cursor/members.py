"""Who is on the Cursor team, and under which spelling Cursor knows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from truto_usage_nb.sandbox.company import Person, people_with
from truto_usage_nb.sandbox.seeds import rng, token_id, uniform

TOOL = "cursor"
OWN_KEY_MEMBER = "stefan.krajicek"  # the one who also works with a model key of their own


@dataclass(frozen=True, slots=True)
class Member:
    """A person or service account on the team.

    `email` is what Cursor writes on events: nothing for a service account, nor for someone whose account was removed.
    `pace` is the number of events on an ordinary Monday.
    """

    person: Person
    account_id: str
    email: str | None
    pace: float

    @property
    def key(self) -> str:
        """The person's key in the company's directory."""
        return self.person.key

    @property
    def is_service(self) -> bool:
        """Whether this is a service account: no plan, no e-mail, never in an editor."""
        return self.person.kind == "service"

    @property
    def has_own_key(self) -> bool:
        """Whether some of the member's requests run on their own model key."""
        return self.person.key == OWN_KEY_MEMBER

    def works_on(self, day: date) -> bool:
        """Say whether the member can have events on a day: not idle, not gone."""
        gone = self.person.left is not None and day > self.person.left
        return TOOL not in self.person.idle_in and not gone


@lru_cache(maxsize=8)
def members(seed: int) -> tuple[Member, ...]:
    """Return the team in the directory's order.

    >>> [member.email for member in members(7)][0]
    'Amara.Okafor@Tidewheel.Example.Com'
    """
    return tuple(_member(seed, person) for person in people_with(TOOL))


def _member(seed: int, person: Person) -> Member:
    service = person.kind == "service"
    known = not service and person.left is None
    return Member(
        person=person,
        account_id=token_id(seed, "sa_" if service else "user_", TOOL, person.key),
        email=person.aliases.get(TOOL, person.email) if known else None,
        pace=30.0 if service else uniform(rng(seed, TOOL, "pace", person.key), 12, 32),
    )
