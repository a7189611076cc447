"""What we once wrote as JSON, read back: every value is of the type that it was written with, or it is not ours."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, ValidationError

__all__ = [
    "CountSaid",
    "MomentSaid",
    "recalled",
]

_T = TypeVar("_T")

CountSaid = Annotated[int, Field(ge=0)]
MomentSaid = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


def recalled(kind: TypeAdapter[_T], text: str) -> _T:
    """Read a text as a value of a type; raises ValueError with the first thing that is wrong, in one line.

    >>> recalled(TypeAdapter(dict[str, CountSaid]), '{"pages": -1}')
    Traceback (most recent call last):
    ...
    ValueError: pages: Input should be greater than or equal to 0
    """
    try:
        return kind.validate_json(text, strict=True)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
