"""The whole stack on one machine without containers: jars, servers, processes, checks."""
