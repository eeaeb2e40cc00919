"""A stand-in Binance: the same wire API on synthetic, recorded or captured trades, and an oracle."""
