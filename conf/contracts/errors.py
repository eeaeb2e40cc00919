"""The error of all contracts. Pure."""

from __future__ import annotations


class ContractError(ValueError):
    """A value does not fit the contract; the message says which and why."""
