"""How to open each store from its settings: one file per store."""
