"""Server-sent events: new candles and forecasts, each told once a listener, resumable by event id."""
