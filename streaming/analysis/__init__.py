"""Hourly history → what the dashboard's analysis shows: days, weeks, volatility, correlation, patterns."""
