"""Files of this machine, as POST /_mock/inbound takes them."""

from __future__ import annotations

from base64 import b64encode
from mimetypes import MimeTypes
from pathlib import Path


def media_of(file: Path) -> dict[str, str]:
    """Return a file as somebody sends it, with the type that its name says, on every machine the same.

    Raises:
        OSError: it cannot be read.
    """
    kind = MimeTypes().guess_type(file.name, strict=False)[0] or "application/octet-stream"
    return {"base64": b64encode(file.read_bytes()).decode(), "mimetype": kind, "fileName": file.name}
