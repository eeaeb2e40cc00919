"""Settings and contracts: the only package that every other one imports."""
