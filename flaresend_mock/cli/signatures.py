"""flaresend-mock verify-signature: whether a webhook that was received is signed with a secret."""

from __future__ import annotations

from typing import Any

import click


@click.command("verify-signature")
@click.option("--secret", required=True, help="The secret of the webhook.")
@click.option(
    "--headers",
    "headers_file",
    required=True,
    type=click.File(encoding="latin-1"),
    help="The headers received, one a line.",
)
@click.option(
    "--body", "body_file", required=True, type=click.File("rb"), help="The body received, byte for byte."
)
def verify_signature(secret: str, headers_file: Any, body_file: Any) -> int:
    """Check the signatures of a webhook that was received: exit status 0 if they hold, 1 if not."""
    from flaresend_mock.background import signing

    pairs = (line.partition(":") for line in headers_file if ":" in line)
    received = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = body_file.read()
    holds = []
    if "webhook-signature" in received:
        message_id, timestamp = received.get("webhook-id", ""), received.get("webhook-timestamp", "")
        expected = signing.standard(secret, message_id, timestamp, body)
        holds.append(_compared("webhook-signature", expected, received["webhook-signature"].split()))
    if "x-hub-signature-256" in received:
        holds.append(
            _compared("X-Hub-Signature-256", signing.hub(secret, body), [received["x-hub-signature-256"]])
        )
    if not holds:
        print("There is neither a webhook-signature nor an X-Hub-Signature-256 header.")
    return 0 if holds and all(holds) else 1


def _compared(name: str, expected: str, received: list[str]) -> bool:
    same = expected in received
    print(f"{name}: {'holds' if same else 'does not hold'}")
    print(f"  expected {expected}")
    print(f"  received {ascii(' '.join(received))[1:-1]}")
    return same
