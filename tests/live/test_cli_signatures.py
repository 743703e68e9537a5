"""verify-signature: whether a received webhook is signed with a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from flaresend_mock.background.posting import hub_signature, standard_signature
from tests.live.commands import run

SECRET, BODY = "whsec_bXkgc2VjcmV0", b'{"event": "message_received"}'
STANDARD = standard_signature(SECRET, "msg_1", "1760705280", BODY)
WITHOUT_STAMP = standard_signature(SECRET, "", "", BODY)
HUB = hub_signature(SECRET, BODY)
STAMP = "Webhook-Id: msg_1\nWebhook-Timestamp: 1760705280\n"


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        (f"{STAMP}Webhook-Signature: v1,old {STANDARD}\n", 0, ["webhook-signature: holds"]),
        (f"{STAMP}Webhook-Signature: v1,old\n", 1, ["webhook-signature: does not hold"]),
        (f"webhook-id: msg_2\nWebhook-Signature: {STANDARD}\n", 1, ["webhook-signature: does not hold"]),
        (f"Webhook-Signature: {WITHOUT_STAMP}\n", 0, ["webhook-signature: holds"]),
        (f"X-Hub-Signature-256: {HUB}\n", 0, ["X-Hub-Signature-256: holds"]),
        (f"X-Hub-Signature-256: sha256=old {HUB}\n", 1, ["X-Hub-Signature-256: does not hold"]),
        (
            f"{STAMP}Webhook-Signature: {STANDARD}\nX-Hub-Signature-256: no\n",
            1,
            ["webhook-signature: holds", "X-Hub-Signature-256: does not hold"],
        ),
        ("Host: localhost\n", 1, ["There is neither a webhook-signature nor an X-Hub-Signature-256 header."]),
    ],
)
def test_signatures_are_compared(tmp_path: Path, headers: str, status: int, expected: list[str]) -> None:
    (tmp_path / "headers").write_text(headers, encoding="latin-1")
    (tmp_path / "body").write_bytes(BODY)
    files = ("--headers", str(tmp_path / "headers"), "--body", str(tmp_path / "body"))

    done = run("verify-signature", "--secret", SECRET, *files)

    assert done.status == status
    assert [line for line in done.out.splitlines() if not line.startswith("  ")] == expected


def test_a_wrong_signature_is_shown_beside_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "headers").write_text("X-Hub-Signature-256: sha256=\x1b[31mred\n", encoding="latin-1")
    (tmp_path / "body").write_bytes(BODY)
    files = ("--headers", str(tmp_path / "headers"), "--body", str(tmp_path / "body"))

    lines = run("verify-signature", "--secret", SECRET, *files).out.splitlines()

    assert lines == ["X-Hub-Signature-256: does not hold", f"  expected {HUB}", "  received sha256=\\x1b[31mred"]
