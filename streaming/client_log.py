"""Where Kafka's client library may write: nowhere. What matters of it is raised or counted as well."""

from __future__ import annotations

import logging

CLIENT_LOG = logging.getLogger("nexthour.streaming.kafka")
CLIENT_LOG.addHandler(logging.NullHandler())
CLIENT_LOG.propagate = False
