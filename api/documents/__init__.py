"""The JSON documents of the read API as typed models: what OpenAPI describes and tests check. Pure."""
