"""The long projection: a fan of simulated paths, scenarios and never a forecast of direction."""
