"""OpenAPI documents, made from what the calls themselves load and dump with."""

from __future__ import annotations

from flaresend_mock.openapi.documents import api_document, control_document

__all__ = ["api_document", "control_document"]
