"""Every SQL statement of the dashboard, one module per subject: parametrised, bounded, read only."""
