"""How good the forecasts have been, as documents. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.documents.common import Document, Listing, Page, TimeText

WindowName = Literal["24h", "7d", "30d", "90d"]

Share = Annotated[float | None, Field(ge=0, le=1)]
Error = Annotated[float | None, Field(ge=0)]


class ScoreDocument(Document):
    """The forecasts of one symbol in one window against what happened.

    Scored are the model's own forecasts of hours whose close is beyond doubt (complete or quiet).
    Standard errors take the coins of one hour as one observation, since they move together. Figures
    are null where there is nothing to compute them from.
    """

    symbol: str | None = Field(
        description="Null: all coins together, without the stable ones, whose errors are single ticks.",
        examples=["BTCUSDT"],
    )
    window: WindowName = Field(description="Length of the window.", examples=["30d"])
    window_from: TimeText = Field(description="First target hour of the window.")
    window_until: TimeText = Field(description="End of the window, exclusive.")
    forecasts: int = Field(description="Forecasts scored.", examples=[720])
    hours: int = Field(description="Hours that they are of.", examples=[720])
    refusals: int = Field(description="Refusals in the window; not scored.")
    fallbacks: int = Field(description="Fallbacks in the window; not scored.")
    unjudged: int = Field(
        description="Forecasts whose hour has no close beyond doubt, or none yet; not scored."
    )
    error: Error = Field(description="Mean of |close − median| / last close.")
    naive_error: Error = Field(description="The same of 'same as last': |close − last close|.")
    error_ratio: Error = Field(
        description="error / naive_error; below 1 is closer than 'same as last'.", examples=[0.998]
    )
    gain: float | None = Field(
        description="Mean over the hours of (naive error − error) / last close; above 0 is better."
    )
    gain_standard_error: Error = Field(description="Standard error of that mean, by hours.")
    directional_accuracy: Share = Field(
        description="Share of forecasts on the right side of the last close; a tie counts one half."
    )
    directional_accuracy_standard_error: Error = Field(description="By hours.")
    coverage_90: Share = Field(description="Share of closes in [q05, q95]; 0.9 is right.")
    coverage_90_standard_error: Error = Field(description="By hours.")
    coverage_50: Share = Field(description="Share of closes in [q25, q75]; 0.5 is right.")
    coverage_50_standard_error: Error = Field(description="By hours.")


class ScoreList(Listing):
    """Scores per coin and window, all coins together first."""

    data: list[ScoreDocument]


class RunningScoreDocument(Document):
    """Errors of all scored forecasts from the start of the range up to one target hour."""

    target_open_time: TimeText
    forecasts: int = Field(description="Forecasts scored up to here.")
    error: Error = Field(description="Mean of |close − median| / last close up to here.")
    naive_error: Error = Field(description="The same of 'same as last'.")
    error_ratio: Error = Field(description="error / naive_error; null while the latter is 0.")


class RunningScorePage(Page):
    """The running error, hour after hour."""

    data: list[RunningScoreDocument]
