"""What the pages show, as frozen records. Times are aware UTC, prices exact decimals. Pure."""
