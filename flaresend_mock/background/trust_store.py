"""The certificates that receivers of webhooks over https are verified against."""

import logging
import os
import ssl
from collections.abc import Sequence
from functools import lru_cache

from flaresend_mock.core.models import Webhook

MAX_CONTEXTS = 64
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

log = logging.getLogger(__name__)


class TrustStore:
    """The public roots, those of the machine, and further ones: in PEM, and in files and folders that can be read.

    Threads share it. It makes one context for each `ca`, as connections under one are never used under another.
    """

    def __init__(self, certificates: str = "", places: Sequence[str] = ()) -> None:
        self._certificates, self._places = certificates, places
        self._made = lru_cache(MAX_CONTEXTS)(self._make)

    def context(self, webhook: Webhook) -> ssl.SSLContext:
        """Return the client's side of TLS for a webhook; ValueError if its `ca` has no certificates."""
        return self._made(webhook.ca if webhook.verify else None, webhook.verify)

    def _make(self, ca: str | None, verify: bool) -> ssl.SSLContext:
        from requests.utils import DEFAULT_CA_BUNDLE_PATH  # not every run needs requests

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the receiver's own certificate is enough
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        context.load_default_certs()
        for place in self._places:
            try:
                context.load_verify_locations(**{"capath" if os.path.isdir(place) else "cafile": place})
            except (OSError, ValueError) as error:
                log.warning("webhooks do not trust the certificates in %s: %s", place, error)
        for pem in filter(None, (self._certificates, ca)):
            context.load_verify_locations(cadata=read_pem(pem))
        return context


def read_pem(text: str) -> str:
    """Return the certificates of a text in PEM; ValueError with a sentence if it has none, or a damaged one."""
    certificates = [_BEGIN + part.partition(_END)[0] + _END for part in text.split(_BEGIN)[1:]]
    if not certificates:
        raise ValueError(f"A certificate in PEM is expected here; it begins with {_BEGIN}.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for number, certificate in enumerate(certificates, 1):
        try:
            context.load_verify_locations(cadata=certificate)
        except (ssl.SSLError, TypeError, ValueError):  # the last two for characters outside ASCII
            raise ValueError(f"Certificate {number} of {len(certificates)} is damaged.") from None
    return "\n".join(certificates)
