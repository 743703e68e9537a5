"""A TLS handshake between two contexts, without a socket."""

from __future__ import annotations

import ssl
from typing import Any


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> tuple[ssl.SSLObject, dict[str, Any]]:
    """Return the client's side of a connection to a host, and the certificate that the server shows.

    Raises:
        ssl.SSLError: one side refuses the other.
    """
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(down, up, server_hostname=host)
    callee = server.wrap_bio(up, down, server_side=True)
    for side in (caller, callee) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    shown = caller.getpeercert()
    assert shown is not None
    return caller, shown


def trusting(pem: bytes) -> ssl.SSLContext:
    """Return the context of a client that trusts one CA."""
    return ssl.create_default_context(cadata=pem.decode())


def is_trusted(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> bool:
    try:
        shake_hands(client, server, host)
    except ssl.SSLCertVerificationError:
        return False
    return True
