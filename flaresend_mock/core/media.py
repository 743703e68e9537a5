"""Media: uploads of messages, and WhatsApp's media host, which serves encrypted files at links that expire.

WhatsApp encrypts a file with a key of its own, expanded by HKDF, by AES-256-CBC and a truncated HMAC.
"""

import hashlib
import hmac
import io
import threading
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flaresend_mock.core import clock, errors, hosts, models, payloads, randomness
from flaresend_mock.core.model import model
from flaresend_mock.core.models import Media as Stored
from flaresend_mock.core.store import Store

KEY_LENGTH = 32
MAC_LENGTH = 10
BLOCK = 16
PART = 1024 * 1024

DEFAULT_MIMETYPE = "application/octet-stream"
LIFETIME = timedelta(days=30)
LONG_EXPIRED = timedelta(days=1)
FLAWS = ("expired", "truncated", "corrupted", "keyless")
_SIGNS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n": "image/png",
    b"GIF8": "image/gif",
    b"%PDF": "application/pdf",
    b"OggS": "audio/ogg; codecs=opus",
}
THUMBNAIL = (72, 72)
MAX_PIXELS = 40_000_000
MAX_SIDE = 16_384  # pixels; of longer ones, Pillow decodes some line by line
MAX_SCANS = 50  # of a progressive JPEG: each takes as long as the first
_SCAN = b"\xff\xda"
_RLE = (1, 2)  # compressions of BMP that Pillow decodes pixel by pixel
MAX_PARTS = 50_000  # reads of a picture: each of its chunks takes two or three
_decoding = threading.Lock()  # one at a time in the process: sixteen large ones would take 4 GB
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
BROKEN = (OSError, ValueError, SyntaxError, ArithmeticError, LookupError, TypeError, EOFError, RuntimeError)
"""The exceptions that Pillow raises for broken images."""

_KINDS: Mapping[str, Mapping[str, str]] = payloads.TABLES["files"]
"""By kind of media: what its `keys` are derived with, its `folder` on the media host, its default media type, and what
the media types of its files begin with (`fits`)."""


@model
class Picture:
    """The size of a picture in pixels, and a small JPEG of it, if there is one."""

    height: int
    width: int
    thumbnail: bytes | None = None


class Media:
    """Stores uploads, and encrypts and serves files for their receivers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def keep(self, content: models.Content) -> models.Content:
        """Replace the upload of a message, if it has one, by the id of its stored file. Call `require_memory` first."""
        upload = content.upload
        if upload is None:
            return content
        id_ = self._store.random.hexadecimal("media", 32, str.lower, self._store.state.media.by_key)
        sha256 = hashlib.sha256(upload.data).hexdigest()
        stored, state = Stored(id_, upload.data, upload.file_name, upload.mimetype, sha256), self._store.state
        state.media.add(id_, stored, state.needed("media"))
        file_name = content.file_name or (upload.file_name or None if content.type == "document" else None)
        mimetype = content.mimetype or upload.mimetype or DEFAULT_MIMETYPE
        return replace(content, upload=None, media=id_, file_name=file_name, mimetype=mimetype)

    def share(
        self, kind: str, upload: models.Upload, flaws: Mapping[str, bool], instance: str, *, plain: bool = False
    ) -> dict[str, Any]:
        """Put a file on the media host, and return the fields of the payload that describe it.

        The caller holds the world's lock. The kind is image, video, audio, document or sticker.

        Args:
            flaws: which of FLAWS the file has: an expired link, the last bytes missing, one bit wrong, or no key.
            instance: the id of the instance whose application gets the link.
            plain: whether the file is served without encryption, as in channels.
        """
        same = kind, upload.mimetype, upload.file_name, id(upload.data)
        if known := self._store.shared.get(same):
            return known | {"url": self._base_url(instance) + known["directPath"]}
        needed = self._store.state.needed("served")
        self._store.state.served.make_room(len(upload.data), needed)
        now = self._store.clock.now()
        mimetype = mimetype_of(kind, upload)
        key = self._store.random.material("media key")[:KEY_LENGTH]
        sealed = upload.data if plain else seal(upload.data, key, kind)
        expires = max(now - LONG_EXPIRED, clock.EARLIEST) if flaws.get("expired") else now + LIFETIME
        path = self._path(kind, int(expires.timestamp()), plain)
        data = sealed[: len(sealed) // 2] if flaws.get("truncated") else sealed
        data = bytes([data[0] ^ 1]) + data[1:] if flaws.get("corrupted") and data else data
        served = models.Served(path, data, expires, mimetype if plain else DEFAULT_MIMETYPE)
        self._store.state.served.add(path.partition("?")[0], served, needed)
        fields = {
            "url": self._base_url(instance) + path,
            "mimetype": mimetype,
            "fileSha256": payloads.b64(hashlib.sha256(upload.data).digest()),
            "fileLength": str(len(upload.data)),
            "mediaKey": payloads.b64(key),
            "fileEncSha256": payloads.b64(hashlib.sha256(sealed).digest()),
            "directPath": path,
            "mediaKeyTimestamp": str(int(now.timestamp())),
            **self._looks(kind, upload),
        }
        if plain or flaws.get("keyless"):
            del fields["mediaKey"], fields["fileEncSha256"]
        if self._store.state.being_sent:
            self._store.shared[same] = fields
        return fields

    def _base_url(self, instance: str) -> str:
        store = self._store
        called = store.called_at.get(instance)
        wanted = store.state.settings.public_url or (hosts.called_url(*called) if called else "")
        return store.host.public_url(wanted.rstrip("/"))

    def get(self, media_id: str) -> Stored:
        return errors.required(self._store.state.media.get(media_id), errors.MediaNotFound)

    def at(self, path: str, signature: str | None) -> models.Served | None:
        """Return the file at a path, expired or not; None if there is none, or its signature is of another world."""
        served = self._store.state.served.get(path)  # without the lock: who downloads from another world does not wait
        return served if signature in (None, _signature(self._store.name, path)) else None

    def _path(self, kind: str, expires: int, plain: bool) -> str:
        first, second = (self._store.random.digits("media path", length) for length in (8, 15))
        form = f"/v/{_KINDS[kind]['folder']}/{first}_{second}_{{}}_n.{'jpg' if plain else 'enc'}"
        path = self._store.random.digits("media path", 19, form.format, self._store.state.served.by_key)
        return f"{path}?ccb=11-4&oh={_signature(self._store.name, path)}&oe={expires:X}&mms3=true"

    def _looks(self, kind: str, upload: models.Upload) -> dict[str, Any]:
        """Return the fields that describe the contents of a file, or plausible ones if they are not known."""
        if kind == "audio":
            bars = self._store.random.material("waveform")
            return {"seconds": 2, "waveform": payloads.b64(bytes(bar % 101 for bar in bars[: payloads.WAVEFORM_BARS]))}
        is_pdf = upload.data.startswith(b"%PDF")
        picture = image_info(upload.data)
        if picture is None and (kind == "video" or is_pdf):
            # no frame and no page is rendered here
            stand_in = image_info(self._store.host.sample_media("image").data)
            picture = replace(stand_in, height=120, width=160) if stand_in else None
        thumbnail = payloads.b64(picture.thumbnail) if picture and picture.thumbnail else None
        if kind == "document":
            named = {"title": upload.file_name, "fileName": upload.file_name}
            pages = upload.data.count(b"/Type/Page/") + upload.data.count(b"/Type /Page ")
            return {**named, "pageCount": max(1, pages) if is_pdf else None, "jpegThumbnail": thumbnail}
        seen = picture or Picture(height=120, width=160)
        fields: dict[str, Any] = {"height": seen.height, "width": seen.width}
        if kind == "sticker":
            return fields | {"isAnimated": b"ANIM" in upload.data[:64]}
        return fields | {"jpegThumbnail": thumbnail, "seconds": 2 if kind == "video" else None}


class _InParts(io.BytesIO):
    """The bytes of a picture, read at most MAX_PARTS times: millions of chunks take Pillow long, and much memory."""

    parts = 0

    def read(self, size: int | None = -1) -> bytes:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise OSError("the picture has too many parts")
        return super().read(size)


def image_info(data: bytes) -> Picture | None:
    """Return size and thumbnail of an image, or None if the data is no image. A huge image gets no thumbnail."""
    from PIL import Image  # slow to import, rarely needed

    try:
        # without catch_warnings, which would undo the changes of other threads
        warnings.filterwarnings("ignore", module=r"PIL\b")
        with _decoding, Image.open(_InParts(data), formats=FORMATS) as image:
            width, height = image.size
            is_slow = image.info.get("compression") in _RLE or (
                image.format not in FORMATS[1:] and data.count(_SCAN) > MAX_SCANS
            )
            if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE or is_slow:
                return Picture(height, width)
            image.draft("RGB", THUMBNAIL)
            image.thumbnail(THUMBNAIL)
            small = io.BytesIO()
            image.convert("RGB").save(small, "JPEG", quality=40)
            return Picture(height, width, small.getvalue())
    except (Image.DecompressionBombError, *BROKEN):
        return None


def mimetype_of(kind: str, upload: models.Upload) -> str:
    """Return a file's media type: the given one if it fits into a header, else by its first bytes or its kind."""
    given = upload.mimetype
    if given and given != DEFAULT_MIMETYPE and given.isascii() and given.isprintable():
        return given
    return _recognised(upload.data) or (given if kind == "document" and given else _KINDS[kind]["mimetype"])


def mismatch(media: str, upload: models.Upload) -> str | None:
    """Return the media type of a file that does not fit a kind of media, as declared or by its first bytes."""
    wanted, declared, seen = _KINDS[media]["fits"], upload.mimetype.lower(), _recognised(upload.data)
    if media == "audio" and seen == "video/mp4":  # a container of sound, too
        seen = None
    for found in (declared, seen) if wanted else ():
        kind = (found or "").partition(";")[0].strip()
        if kind and wanted not in (kind, kind.partition("/")[0] + "/"):
            return found
    return None


def _recognised(data: bytes) -> str | None:
    if data[4:8] == b"ftyp":
        return "audio/mp4" if data[8:12] == b"M4A " else "video/mp4"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mimetype for start, mimetype in _SIGNS.items() if data.startswith(start)), None)


def _signature(world: str, path: str) -> str:
    return "01_" + randomness.lasting(0, world, path).hex()[:40]


def expand(media_key: bytes, kind: str) -> tuple[bytes, bytes, bytes]:
    """Return the IV, the key of the cipher and the key of the MAC that a media key expands to."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    output = HKDF(hashes.SHA256(), length=112, salt=None, info=_KINDS[kind]["keys"].encode()).derive(media_key)
    return output[:16], output[16:48], output[48:80]


def seal(data: bytes, media_key: bytes, kind: str) -> bytes:
    """Return an encrypted file: the ciphertext, followed by ten bytes of its MAC."""
    # slow to import, and few runs need it
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    iv, cipher_key, mac_key = expand(media_key, kind)
    missing = BLOCK - len(data) % BLOCK
    encryptor = Cipher(algorithms.AES256(cipher_key), modes.CBC(iv)).encryptor()
    mac = hmac.new(mac_key, iv, "sha256")
    sealed = io.BytesIO()
    parts: list[bytes | memoryview] = [memoryview(data)[at : at + PART] for at in range(0, len(data), PART)]
    for part in (*parts, bytes([missing]) * missing):  # to join larger ones would take several times the memory
        ciphertext = encryptor.update(part)
        mac.update(ciphertext)
        sealed.write(ciphertext)
    sealed.write(mac.digest()[:MAC_LENGTH])
    return sealed.getvalue()
