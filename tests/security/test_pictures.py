"""Pictures that are small to send and large to unpack, or broken on purpose."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from base64 import b64encode
from collections.abc import Callable
from functools import cache

import pytest
from PIL import Image
from werkzeug.test import Client

from flaresend_mock.core import media
from flaresend_mock.core.media import FORMATS, MAX_PIXELS, Picture, image_info
from flaresend_mock.package_data import FIXTURES
from tests.security.hostile import ANN, cheap, chunk, png
from tests.support import KEY

JPEG = (FIXTURES / "media" / "sample.jpg").read_bytes()
WEBP = (FIXTURES / "media" / "sample.webp").read_bytes()


@cache
def packed(size: int) -> bytes:
    """Return so many zeros, in a thousandth of the room."""
    packer = zlib.compressobj(9)
    piece = bytes(1024 * 1024)
    return b"".join(packer.compress(piece) for _ in range(size // len(piece))) + packer.flush()


def gif() -> bytes:
    file = io.BytesIO()
    Image.new("P", (10, 10)).save(file, "GIF")
    return file.getvalue()


def huge_jpeg() -> bytes:
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + b"\xff\xff\xff\xff" + JPEG[at + 4 :]


def huge_gif() -> bytes:
    data = gif()
    at = data.index(b",") + 5
    return data[:6] + b"\xff\xff\xff\xff" + data[10:at] + b"\xff\xff\xff\xff" + data[at + 4 :]


def huge_webp() -> bytes:
    canvas = struct.pack("<I", 10)[:4] + b"\x02\0\0\0" + b"\xff\xff\xff" * 2
    return b"RIFF" + struct.pack("<I", len(WEBP) + 18 - 8) + b"WEBPVP8X" + canvas + WEBP[12:]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a PNG that claims 50,000 by 50,000": lambda: png(50_000, 50_000, zlib.compress(b"")),
    "a PNG that claims all there is": lambda: png(2**31 - 1, 2**31 - 1, zlib.compress(b"")),
    "a PNG of nothing": lambda: png(0, 0, b""),
    "a PNG one line high": lambda: png(MAX_PIXELS, 1, zlib.compress(bytes(1 + MAX_PIXELS // 8))),
    "a PNG with more in it than it claims": lambda: png(10, 10, packed(64 * 2**20)),
    "a PNG with a long text": lambda: png(10, 10, b"", chunk(b"zTXt", b"a\0\0" + packed(64 * 2**20))),
    "a PNG with many long texts": lambda: png(10, 10, b"", *[chunk(b"zTXt", b"a\0\0" + packed(2**20))] * 200),
    "a PNG with a large profile": lambda: png(10, 10, b"", chunk(b"iCCP", b"a\0\0" + packed(64 * 2**20))),
    "a PNG whose data are no data": lambda: png(100, 100, b"\xff" * 1000),
    "a PNG that is cut off": lambda: png(100, 100, zlib.compress(bytes(1400)))[:-30],
    "a JPEG that claims 65,535 by 65,535": huge_jpeg,
    "a JPEG that is cut off": lambda: JPEG[: len(JPEG) // 2],
    "a JPEG of markers alone": lambda: b"\xff\xd8" + b"\xff\xe1\x00\x02" * 50_000,
    "a GIF that claims 65,535 by 65,535": huge_gif,
    "a GIF that is cut off": lambda: gif()[:-5],
    "a GIF of colours alone": lambda: b"GIF89a\x0a\0\x0a\0\xf7\0\0" + b"\xff" * 10_000,
    "a WebP that claims 16,777,216 by 16,777,216": huge_webp,
    "a WebP that is cut off": lambda: WEBP[: len(WEBP) // 2],
    "a BMP that claims all there is": lambda: (
        b"BM"
        + struct.pack("<IHHI", 100, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, -(2**31), 1, 32, 0, *[0] * 5)
    ),
}
each_hostile = pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)


@each_hostile
def test_it_is_received_in_good_time(make: Callable[[], bytes], shared: Client) -> None:
    media = {"base64": b64encode(make()).decode()}

    with cheap():
        for kind in ("image", "sticker", "document"):
            response = shared.post("/_mock/inbound", json={"from": ANN, "type": kind, "media": media})
            assert response.status_code == 201 or (kind == "sticker" and response.status_code == 400), response.text


@each_hostile
def test_it_is_sent_in_good_time(make: Callable[[], bytes], shared: Client) -> None:
    form = {"recipients[]": ANN, "type": "image", "file": (io.BytesIO(make()), "a.png", "image/png")}

    with cheap():
        response = shared.post("/send-message", headers=KEY, data=form)

    assert response.status_code == 200


def test_a_picture_of_too_many_pixels_is_measured_and_not_unpacked() -> None:
    """All of its pixels are there: 12,000 by 12,000 in 18 KB."""
    side = 12_000
    data = png(side, side, packed(-(-(1 + side // 8) * side // 2**20) * 2**20))
    assert len(data) < 30_000

    seen = image_info(data)

    assert seen is not None
    assert (seen.width, seen.height, seen.thumbnail) == (side, side, None)


@pytest.mark.slow
def test_none_takes_more_memory_than_there_is() -> None:
    """They are looked at by a process that may have 400 MB, of which it takes a third to begin with."""
    script = """
import resource, sys
from flaresend_mock.core.media import image_info
from tests.security.test_pictures import HOSTILE
data = {name: make() for name, make in HOSTILE.items()}
resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20,) * 2)
for name, picture in data.items():
    image_info(picture)
    print(name)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert done.stdout.splitlines() == [*HOSTILE], done.stderr


def test_pictures_are_unpacked_one_after_another() -> None:
    seen: list[Picture | None] = []
    other = threading.Thread(target=lambda: seen.append(image_info(JPEG)))

    with media._decoding:  # another picture is unpacked, in any world of the process
        other.start()
        other.join(0.5)
        assert seen == []
    other.join(30)

    assert [one is not None and one.thumbnail is not None for one in seen] == [True]


def test_a_broken_picture_does_not_keep_others_from_being_unpacked() -> None:
    for make in HOSTILE.values():
        image_info(make())

    assert not media._decoding.locked()


@pytest.mark.slow
def test_pictures_at_once_take_the_memory_of_one() -> None:
    """Each has 40 million pixels of four bytes; the process takes about 100 MB to begin with."""
    script = """
import io, resource, threading
from PIL import Image
from flaresend_mock.core.media import image_info
file = io.BytesIO()
Image.new("RGBA", (6320, 6320)).save(file, "PNG")
seen = []
threads = [threading.Thread(target=lambda: seen.append(image_info(file.getvalue()))) for _ in range(16)]
[one.start() for one in threads], [one.join() for one in threads]
print(len([one for one in seen if one.thumbnail]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    thumbnails, megabytes = map(int, done.stdout.split())
    assert thumbnails == 16, done.stderr
    assert megabytes < 600


def test_only_pictures_that_whatsapp_knows_are_opened() -> None:
    """Readers of other formats run programs (EPS) or are written in hope (PSD, FLI, TIFF)."""
    assert set(FORMATS) <= {"JPEG", "PNG", "GIF", "WEBP", "BMP"}
    for kind in ("TIFF", "PPM", "ICO", "EPS", "PCX"):
        file = io.BytesIO()
        Image.new("RGB", (10, 10)).save(file, kind)
        assert image_info(file.getvalue()) is None, kind


def test_what_pillow_warns_of_is_no_error_and_no_line_on_standard_error() -> None:
    """In a test suite that takes warnings for errors, as this one does, such a picture is a 500."""
    see_through = io.BytesIO()
    Image.new("P", (10, 10)).save(see_through, "PNG", transparency=bytes(range(256)))
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2025"}
    cut = io.BytesIO()
    Image.new("RGB", (10, 10)).save(cut, "JPEG", exif=exif.tobytes()[:-30])

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert image_info(see_through.getvalue()) is not None
        assert image_info(cut.getvalue()) is not None

    assert [str(warning.message) for warning in warned] == []
