"""The contracts between the parts: Avro and JSON schemas, SQL, and the pure codecs for them."""
