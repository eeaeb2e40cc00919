"""The endpoints, one module per resource: parameters in, answer out."""
