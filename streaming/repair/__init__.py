"""Hours rebuilt from the archive and the exchange, as the next revision."""
