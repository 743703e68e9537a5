"""OpenAPI documents, made from what the calls themselves load and dump with."""
