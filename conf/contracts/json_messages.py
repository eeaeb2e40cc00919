"""What the readers of all JSON messages share: known fields are taken, later ones ignored. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import orjson

from conf.contracts.errors import ContractError

T = TypeVar("T")


def decoded(
    message: bytes,
    kind: type[T],
    name: str,
    convert: Mapping[str, Callable[[Any], object]],
    added: Mapping[str, object] | None = None,
) -> T:
    """Return the value of a message: a dataclass with slots, its fields by name.

    Args:
        message: the JSON object.
        kind: the dataclass.
        name: what such a message is called in errors.
        convert: how to make a field of its JSON value, where they differ.
        added: fields that messages of an earlier version lack, and what they then are.

    Raises:
        ContractError: if the message is none of these.
    """
    try:
        fields = {**(added or {}), **orjson.loads(message)}
        known = {field: fields[field] for field in kind.__slots__}  # type: ignore[attr-defined] # slots
        return kind(**known | {field: make(known[field]) for field, make in convert.items()})
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        text = f"no {name}: {error!r}"
        raise ContractError(text) from error


def decimal_or_none(text: str | None) -> Decimal | None:
    """Return the decimal of its text, None of null."""
    return None if text is None else Decimal(text)
