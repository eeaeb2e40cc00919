"""Every SQL statement of the read API, one module per resource: parametrised, bounded, read only.

Each resource has a stamp besides its rows: a digest of what its page is made of, computed in Postgres
from keys and times of writing alone. Equal stamps mean equal pages, so that a client that holds the page
costs no rows, no JSON and no bytes. Needs Postgres 14 or later.
"""
