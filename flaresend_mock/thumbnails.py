"""Reads images: their size, and the small JPEG that WhatsApp sends along."""

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
"""The exceptions that Pillow raises for broken images."""


def image_info(data: bytes) -> Picture | None:
    """Return size and thumbnail of an image, or None if the data is no image. A huge image gets no thumbnail."""
    from PIL import Image, UnidentifiedImageError  # slow to import, rarely needed

    try:
        # without catch_warnings, which would undo the changes of other threads
        warnings.filterwarnings("ignore", module=r"PIL\b")
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
