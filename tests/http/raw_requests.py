"""The table of raw requests, made from other servers' tests, public conformance lists and the RFCs.

Each row says what is sent, what must come back, and where it comes from: Node (`test/parallel`), its parser llhttp
(`test/request`), Waitress (`tests/test_functional.py`, `tests/test_parser.py`), hyper (`tests/server.rs` and the tests
of `src/proto/h1`), Go (`serve_test.go`, `readrequest_test.go`, `transfer_test.go`, `internal/chunked_test.go`), h1spec,
Http11Probe, or an RFC.
"""

from __future__ import annotations

from tests.http.raw_bodies import BODIES
from tests.http.raw_chunks import CHUNKED_BODIES
from tests.http.raw_connections import CONVERSATIONS
from tests.http.raw_heads import HEADS

ROWS = [*HEADS, *BODIES, *CHUNKED_BODIES, *CONVERSATIONS]
