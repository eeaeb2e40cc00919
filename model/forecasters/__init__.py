"""Forecasters; each file is one family, `families.py` knows all of them, `servable.py` those that are served."""
