"""Media: uploads of messages, and WhatsApp's media host, which serves encrypted files at links that expire.

WhatsApp encrypts a file with a key of its own, expanded by HKDF, by AES-256-CBC and a truncated HMAC.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flaresend_mock.core.errors import MediaNotFound
from flaresend_mock.core.models import Content, Picture, Served, Upload
from flaresend_mock.core.models import Media as Stored
from flaresend_mock.core.payloads import WAVEFORM_BARS, b64
from flaresend_mock.core.randomness import lasting
from flaresend_mock.core.store import Store

KEY_LENGTH = 32
MAC_LENGTH = 10
BLOCK = 16

_KEY_INFO = {
    "image": b"WhatsApp Image Keys",
    "sticker": b"WhatsApp Image Keys",
    "video": b"WhatsApp Video Keys",
    "audio": b"WhatsApp Audio Keys",
    "document": b"WhatsApp Document Keys",
}

DEFAULT_MIMETYPE = "application/octet-stream"
LIFETIME = timedelta(days=30)
LONG_EXPIRED = timedelta(days=1)
FLAWS = ("expired", "truncated", "corrupted", "keyless")

_FOLDERS = {
    "image": "t62.7118-24",
    "video": "t62.7161-24",
    "audio": "t62.7117-24",
    "document": "t62.7119-24",
    "sticker": "t62.15575-24",
}
_MIMETYPES = {
    "image": "image/jpeg",
    "video": "video/mp4",
    "audio": "audio/ogg; codecs=opus",
    "document": "application/pdf",
    "sticker": "image/webp",
}
_SIGNS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n": "image/png",
    b"GIF8": "image/gif",
    b"%PDF": "application/pdf",
    b"OggS": "audio/ogg; codecs=opus",
}
THUMBNAIL = (72, 72)
MAX_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
BROKEN = (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, EOFError, RuntimeError)
"""The exceptions that Pillow raises for broken images."""

_PICTURED = frozenset({"image", "video", "document", "sticker"})


@dataclass(frozen=True, slots=True)
class Expired:
    """A file whose link has expired."""


class Media:
    """Stores uploads, and encrypts and serves files for their receivers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, content: Content) -> Content:
        """Store the upload of a message, if it has one, and return the message with the id of the file instead."""
        upload = content.upload
        if upload is None:
            return content
        media = Stored(
            id=self._store.random.hexadecimal("media", 32).lower(),
            data=upload.data,
            file_name=upload.file_name,
            mimetype=upload.mimetype,
            sha256=hashlib.sha256(upload.data).hexdigest(),
        )
        self._store.state.media.add(media.id, media)
        return replace(
            content,
            upload=None,
            media=media.id,
            file_name=content.file_name or upload.file_name or None,
            mimetype=content.mimetype or upload.mimetype or DEFAULT_MIMETYPE,
        )

    def share(
        self, kind: str, upload: Upload, flaws: Mapping[str, bool], *, plain: bool = False
    ) -> dict[str, Any]:
        """Put a file on the media host, and return the fields of the payload that describe it.

        The caller holds the world's lock.

        Args:
            kind: image, video, audio, document or sticker.
            flaws: which of FLAWS the file has: an expired link, the last bytes missing, one bit wrong, or no key.
            plain: whether the file is served without encryption, as in channels.
        """
        now = self._store.clock.now()
        mimetype = mimetype_of(kind, upload)
        key = self._store.random.material("media key")[:KEY_LENGTH]
        sealed = upload.data if plain else seal(upload.data, key, kind)
        expires = now - LONG_EXPIRED if flaws.get("expired") else now + LIFETIME
        path = self._path(kind, int(expires.timestamp()), plain)
        self._store.state.served.add(
            path.partition("?")[0],
            Served(
                path=path,
                data=_spoiled(sealed, flaws),
                expires=expires,
                mimetype=mimetype if plain else DEFAULT_MIMETYPE,
            ),
        )
        fields = {
            "url": self._store.host.public_url() + path,
            "mimetype": mimetype,
            "fileSha256": b64(digest(upload.data)),
            "fileLength": str(len(upload.data)),
            "mediaKey": b64(key),
            "fileEncSha256": b64(digest(sealed)),
            "directPath": path,
            "mediaKeyTimestamp": str(int(now.timestamp())),
            **self._looks(kind, upload),
        }
        if plain or flaws.get("keyless"):
            del fields["mediaKey"], fields["fileEncSha256"]
        return fields

    def get(self, media_id: str) -> Stored:
        """Return an uploaded file.

        Raises:
            MediaNotFound: no file that is kept has this id.
        """
        found = self._store.state.media.get(media_id)
        if found is None:
            raise MediaNotFound
        return found

    def at(self, path: str, signature: str | None) -> Served | Expired | None:
        """Return the file at a path; None if there is none, or its signature is of another world."""
        with self._store.lock:
            served = self._store.state.served.get(path)
            if served is None or signature not in (None, _signature(self._store.name, path)):
                return None
            return Expired() if served.expires <= self._store.clock.now() else served

    def _path(self, kind: str, expires: int, plain: bool) -> str:
        chance = self._store.random
        first, second, third = (chance.digits("media path", length) for length in (8, 15, 19))
        path = f"/v/{_FOLDERS[kind]}/{first}_{second}_{third}_n.{'jpg' if plain else 'enc'}"
        return f"{path}?ccb=11-4&oh={_signature(self._store.name, path)}&oe={expires:X}&mms3=true"

    def _looks(self, kind: str, upload: Upload) -> dict[str, Any]:
        """Return the fields that describe the contents of a file, or plausible ones if they are not known."""
        picture = image_info(upload.data) if kind in _PICTURED else None
        if picture is None and (kind == "video" or upload.data.startswith(b"%PDF")):
            # no frame and no page is rendered here
            stand_in = image_info(self._store.host.sample_media("image").data)
            picture = replace(stand_in, height=120, width=160) if stand_in else None
        if kind == "audio":
            bars = self._store.random.material("waveform")
            return {"seconds": 2, "waveform": b64(bytes(bar % 101 for bar in bars[:WAVEFORM_BARS]))}
        if kind == "document":
            is_pdf = upload.data.startswith(b"%PDF")
            return {
                "title": upload.file_name,
                "fileName": upload.file_name,
                "pageCount": max(1, upload.data.count(b"/Type/Page/") + upload.data.count(b"/Type /Page "))
                if is_pdf
                else None,
                "jpegThumbnail": b64(picture.thumbnail) if picture and picture.thumbnail else None,
            }
        seen = picture or Picture(height=120, width=160)
        fields: dict[str, Any] = {"height": seen.height, "width": seen.width}
        if kind == "sticker":
            return fields | {"isAnimated": b"ANIM" in upload.data[:64]}
        if seen.thumbnail:
            fields["jpegThumbnail"] = b64(seen.thumbnail)
        return fields | ({"seconds": 2} if kind == "video" else {})


def image_info(data: bytes) -> Picture | None:
    """Return size and thumbnail of an image, or None if the data is no image. A huge image gets no thumbnail."""
    from PIL import Image  # slow to import, rarely needed

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
    except (Image.DecompressionBombError, *BROKEN):
        return None


def mimetype_of(kind: str, upload: Upload) -> str:
    """Return a file's media type: the given one if it fits into a header, else by its first bytes or its kind."""
    given = upload.mimetype
    if given and given.isascii() and given.isprintable():
        return given
    for start, mimetype in _SIGNS.items():
        if upload.data.startswith(start):
            return mimetype
    return _MIMETYPES[kind]


def _signature(world: str, path: str) -> str:
    return "01_" + lasting(0, world, path).hex()[:40]


def _spoiled(data: bytes, flaws: Mapping[str, bool]) -> bytes:
    if flaws.get("truncated"):
        data = data[: len(data) // 2]
    if flaws.get("corrupted") and data:
        data = bytes([data[0] ^ 1]) + data[1:]
    return data


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a media key expands to."""

    iv: bytes
    cipher: bytes
    mac: bytes


def expand(media_key: bytes, kind: str) -> Keys:
    """Expand a media key of 32 bytes for one kind of media (RFC 5869 with SHA-256, no salt, 112 bytes)."""
    secret = hmac.digest(bytes(32), media_key, "sha256")
    block = output = b""
    for counter in range(1, 5):
        block = hmac.digest(secret, block + _KEY_INFO[kind] + bytes([counter]), "sha256")
        output += block
    return Keys(iv=output[:16], cipher=output[16:48], mac=output[48:80])


def seal(data: bytes, media_key: bytes, kind: str) -> bytes:
    """Return an encrypted file: the ciphertext, followed by ten bytes of its MAC."""
    # slow to import, and few runs need it
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    keys = expand(media_key, kind)
    missing = BLOCK - len(data) % BLOCK
    encryptor = Cipher(algorithms.AES256(keys.cipher), modes.CBC(keys.iv)).encryptor()
    ciphertext = encryptor.update(data + bytes([missing]) * missing) + encryptor.finalize()
    return ciphertext + hmac.digest(keys.mac, keys.iv + ciphertext, "sha256")[:MAC_LENGTH]


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
