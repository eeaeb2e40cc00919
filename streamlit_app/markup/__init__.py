"""HTML of the pages, in small pieces. Pure; every text that came from outside is escaped."""
