"""The read API: candles, forecasts and their scores over HTTP, from Postgres alone, never writing."""
