"""What the champion is made of: fixed here before any test range is read, evaluated and served alike."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CHAMPION = "champion"


class ChampionSettings(BaseSettings):
    """The champion's composition. Prefix ``NEXTHOUR_CHAMPION_``.

    Weights are equal and no setting: estimated ones rarely win (Stock and Watson 2004).
    """

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_CHAMPION_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    members: Annotated[tuple[str, ...], NoDecode] = Field(
        ("lstm", "lightgbm"),
        min_length=1,
        description="Models whose quantiles are averaged with equal weights, comma separated.",
    )
    is_shrunk: bool = Field(
        True,
        description="Multiply the mean's median by λ in [0, 1], chosen at each refit on validation.",
    )
    is_guarded: bool = Field(
        True,
        description="A coin whose last 56 days were worse than the last close gets the last close.",
    )
    is_calibrated: bool = Field(
        True, description="Adaptive conformal calibration of the bands, coin by coin."
    )

    @field_validator("members", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("members")
    @classmethod
    def _each_once(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(members)) != len(members):
            message = f"each member counts once: {', '.join(members)}"
            raise ValueError(message)
        if CHAMPION in members:
            message = "the champion is no member of itself"
            raise ValueError(message)
        return members
