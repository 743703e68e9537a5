"""Reads a local file as the `media` of POST /_mock/inbound."""

from __future__ import annotations

from base64 import b64encode
from mimetypes import MimeTypes
from pathlib import Path


def media_of(file: Path) -> dict[str, str]:
    """Return a file as JSON, with the MIME type of its name, which is the same on every machine.

    Raises:
        OSError: the file cannot be read.
    """
    kind = MimeTypes().guess_type(file.name, strict=False)[0] or "application/octet-stream"
    return {"base64": b64encode(file.read_bytes()).decode(), "mimetype": kind, "fileName": file.name}
