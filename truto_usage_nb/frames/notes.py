"""What a reader of a frame is told, also where the frame came in many parts."""

from __future__ import annotations

from collections.abc import Iterable

NEW_FIELDS = "fields that the documentation does not name became columns"
AS_TEXT = "objects with more keys than there is room for as columns are kept as JSON text"
DEEP = "what is nested more than 64 levels deep is kept as JSON text"
NEW_CHARGES = "charge types that the documentation does not name became columns"


def told_once(notes: Iterable[str]) -> list[str]:
    """Set the notes of several frames together: what lists names is said once, with all of them.

    >>> told_once([f"{NEW_FIELDS}: a", f"{NEW_FIELDS}: b, a", "and more"])
    ['fields that the documentation does not name became columns: a, b', 'and more']
    """
    said: dict[str, dict[str, None]] = {}
    for note in notes:
        opening, _, names = note.partition(": ")
        lists = opening in (NEW_FIELDS, NEW_CHARGES, AS_TEXT)
        said.setdefault(opening if lists else note, {}).update(dict.fromkeys(names.split(", ")) if lists else {})
    return [f"{opening}: {', '.join(names)}" if names else opening for opening, names in said.items()]
