"""A raw request and what must come back, and the pieces of which the rows of the tables are made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

READ = None
"""A step between two pieces: read one response before the next piece is sent."""

HOST = "Host: localhost\r\n"
KEY = "Authorization: Bearer YOUR_API_KEY\r\n"
AS = HOST + KEY
LINE = "GET /groups HTTP/1.1\r\n"
GET = f"{LINE}{AS}\r\n"
"""A whole request. It gets a 200, and leaves its connection open."""

BODY = '{"number": "254712345678"}'
"""A body of 26 bytes, which is 1a in hexadecimal."""

POST = f"POST /check-number HTTP/1.1\r\n{AS}Content-Type: application/json\r\n"
CHUNKED = f"{POST}Transfer-Encoding: chunked\r\n\r\n"
CHUNK = f"1a\r\n{BODY}\r\n"
END = "0\r\n\r\n"
SIZED = f"{POST}Content-Length: 26\r\n\r\n{BODY}"
"""A whole request with a body. It gets a 200 only if the server reads all of its body, and nothing else."""

SMUGGLED = f"DELETE /groups/smuggled HTTP/1.1\r\n{AS}\r\n"
"""What an attacker hides behind another request. Served, it gets a 404 or 405; so it must get no response."""


def lines(*of_head: str) -> str:
    return "".join(f"{line}\r\n" for line in of_head)


@dataclass(frozen=True)
class Row:
    """One raw request, or several on one connection.

    Args:
        id: unique, in words with hyphens.
        source: the test of another server, the entry of a public list, or the section of the RFC that it comes from.
        sent: what the client sends, in Latin-1; pieces are sent one by one. `localhost:PORT` stands for the emulator.
        outcome: the status of each response in turn, then `open` or `closed`. A star means that the response has no
            body, a question mark that the response may be left out: `100? 200* open`.
        has: text that the last response holds, in its head or body.
        lacks: text that no response holds.
        hang_up: close the sending half of the connection after the last piece.
    """

    id: str
    source: str
    sent: str | tuple[str | None, ...]
    outcome: str
    has: str = ""
    lacks: str = field(default="\0")
    hang_up: bool = False

    @property
    def pieces(self) -> list[bytes | None]:
        pieces = (self.sent,) if isinstance(self.sent, str) else self.sent
        return [piece if piece is None else piece.encode("latin-1") for piece in pieces]

    @property
    def is_refused(self) -> bool:
        """Tell whether the server itself refuses the last request, and closes the connection."""
        return re.search(r"[45]\d\d\*? closed$", self.outcome) is not None
