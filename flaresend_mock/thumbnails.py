"""Looks at pictures: their size, and a small JPEG of them as WhatsApp sends along."""

from __future__ import annotations

import io
import warnings

from flaresend_mock.core.models import Picture

THUMBNAIL = (72, 72)
MAX_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")


BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    ArithmeticError,
    LookupError,
    TypeError,
    EOFError,
    NotImplementedError,
)
"""What readers of pictures raise over broken ones."""


def image_info(data: bytes) -> Picture | None:
    """Return what a picture is like, or None if it is none. One of too many pixels gets no thumbnail."""
    from PIL import Image, UnidentifiedImageError  # slow to import, rarely needed

    try:
        warnings.filterwarnings(
            "ignore", module=r"PIL\b"
        )  # in no block, which would undo what others do meanwhile
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return Picture(height, width)
            image.draft("RGB", THUMBNAIL)
            image.thumbnail(THUMBNAIL)
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=40)
            return Picture(height, width, small.getvalue())
    except (UnidentifiedImageError, Image.DecompressionBombError, *BROKEN):
        return None
