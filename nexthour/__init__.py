"""The command line and the launchers, nothing else."""
