"""Compare what the stores hold with each other and with the exchange's own book."""
