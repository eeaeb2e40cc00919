"""Stamps that are known already, for as long as nothing has been written."""

from __future__ import annotations

import threading
from collections import OrderedDict

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.queries.base import PageQuery, Stamped, snapshot

KEPT = 2_000
"""Pages: some 1 MB."""


class StampMemo:
    """Remembers the stamp of each page with the snapshot that it was made in.

    Postgres tells its snapshot in a twentieth of the time that a stamp of 90 days takes. While it is the
    same, so is every stamp; any transaction that commits, on whatever table, makes it another one. So
    many clients that ask for the same pages cost one stamp a page and write. Safe for threads.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[str, Stamped]] = OrderedDict()

    def stamped(self, connection: Connection, page: str, query: PageQuery) -> Stamped:
        """Return source and stamp of a page.

        Args:
            connection: outside a transaction; the snapshot is taken before the stamp, so that a write
                between the two leaves a stamp that is found never again.
            page: path and query of the request, which say what the page is.
            query: the page.
        """
        now = snapshot(connection)
        with self._lock:
            known = self._known.get(page)
            if known is not None and known[0] == now:
                self._known.move_to_end(page)
                return known[1]
        found = query.stamped(connection)
        with self._lock:
            self._known[page] = (now, found)
            self._known.move_to_end(page)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
        return found
