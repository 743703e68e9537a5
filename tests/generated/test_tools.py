"""Linters, Postman and Prism read the OpenAPI documents."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from flaresend_mock import FlaresendMock
from tests.generated import bin_of, needs_node, run, write_document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOW = "2025-11-14T10:00:00Z"
"""When the examples of the documents were made."""
EXPLAINED = {"api": {"no-ambiguous-paths": 3, "operation-2xx-response": 1}, "control": {}}
"""Warnings of redocly about what Flaresend documents so; docs/openapi.md explains them."""


@pytest.mark.parametrize("name", EXPLAINED)
def test_redocly(name: str, tmp_path: Path) -> None:
    needs_node("@redocly/cli")
    write_document(tmp_path, name)

    found = json.loads(run([bin_of("redocly"), "lint", "api.json", "--format=json"], tmp_path))

    rules = [problem["ruleId"] for problem in found["problems"]]
    assert {rule: rules.count(rule) for rule in rules} == EXPLAINED[name], found["problems"]


@pytest.mark.parametrize(
    ("name", "explained"), [("api", {"info-contact", "operation-success-response"}), ("control", {"info-contact"})]
)
def test_spectral(name: str, explained: set[str], tmp_path: Path) -> None:
    needs_node("@stoplight/spectral-cli")
    write_document(tmp_path, name)
    (tmp_path / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')

    printed = run([bin_of("spectral"), "lint", "api.json", "--format=json", "--quiet"], tmp_path)

    assert {problem["code"] for problem in json.loads(printed)} == explained


def collection(folder: Path) -> dict[str, Any]:
    """Return the collection that Postman makes of a document, with the documented examples as bodies."""
    options = ["-s", "api.json", "-o", "collection.json", "-O", "parametersResolution=Example"]
    run([bin_of("openapi2postmanv2"), *options], folder)
    found: dict[str, Any] = json.loads((folder / "collection.json").read_text())
    return found


def newman(folder: Path, url: str, *options: str) -> dict[str, tuple[int, Any]]:
    """Run the collection, and return the status and the body of each response by the name of the request."""
    variables = ["--env-var", f"baseUrl={url}", "--env-var", "bearerToken=YOUR_API_KEY"]
    reporter = ["--reporters", "json", "--reporter-json-export", "report.json"]
    run([bin_of("newman"), "run", "collection.json", *variables, *reporter, *options], folder)
    report = json.loads((folder / "report.json").read_text())
    return {
        one["item"]["name"]: (one["response"]["code"], json.loads(bytes(one["response"]["stream"]["data"])))
        for one in report["run"]["executions"]
    }


def test_a_collection_of_postman_runs_with_newman(tmp_path: Path) -> None:
    needs_node("openapi-to-postmanv2", "newman")
    write_document(tmp_path)
    collection(tmp_path)

    with FlaresendMock() as running:
        requests.patch(f"{running.url}/_mock/clock", json={"now": NOW, "frozen": True}, timeout=10)
        responses = newman(tmp_path, running.url)
        requests.patch(f"{running.url}/_mock/clock", json={"now": "2026-01-01T00:00:00Z"}, timeout=10)
        refused = newman(tmp_path, running.url, "--folder", "schedule-message")

    statuses = {name.split(",")[0].split(":")[0]: status for name, (status, _) in responses.items()}
    assert len(statuses) == 21
    sent = responses["Send a message to people"][1]
    assert (statuses["Send a message to people"], sent["total_recipients"]) == (200, 1)
    assert statuses["Send a message to people later; `sendAt` is local time"] == 200
    assert statuses["List the groups that the instance is in"] == 200
    assert responses["Show a group that the instance is in"][1]["success"] is True
    assert not {status for status in statuses.values() if status >= 500} - {501}
    assert [*refused.values()] == [(400, {"success": False, "message": "sendAt must be in the future"})]


def test_a_collection_of_postman_uploads_a_file(tmp_path: Path) -> None:
    needs_node("openapi-to-postmanv2", "newman")
    write_document(tmp_path, forms_only=True)
    whole = collection(tmp_path)
    (folder,) = (one for one in whole["item"] if one["name"] == "send-message")
    form = folder["item"][0]["request"]["body"]["formdata"]
    assert [one["key"] for one in form][:2] == ["recipients[]", "type"]
    given: dict[str, dict[str, Any]] = {
        "recipients[]": {"value": "254712345678"},
        "type": {"value": "document"},
        "file": {"src": str(tmp_path / "api.json")},
    }
    form[:] = [{**one, **given[one["key"]]} for one in form if one["key"] in given]
    (tmp_path / "collection.json").write_text(json.dumps(whole))

    with FlaresendMock(strict=True) as running:
        responses = newman(tmp_path, running.url, "--folder", "send-message")

    ((status, body),) = responses.values()
    assert (status, body["total_recipients"]) == (200, 1)


@contextmanager
def prism(folder: Path, url: str) -> Iterator[str]:
    """Prism between a client and an emulator: it refuses requests and responses that the document does not have."""
    command = [bin_of("prism"), "proxy", "api.json", url, "--errors", "-p", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line)
                if "Prism is listening on" in line:
                    yield line.rpartition(" ")[2].strip()
                    return
            raise AssertionError("".join(printed))
        finally:
            process.kill()


def test_prism_accepts_the_documented_requests_and_responses(tmp_path: Path) -> None:
    needs_node("@stoplight/prism-cli")
    write_document(tmp_path)
    headers = {"Authorization": "Bearer YOUR_API_KEY"}
    to = ["254712345678", "254798765432"]
    text = {"recipients": to, "type": "text", "text": "hi"}
    files = {"file": ("menu.txt", b"menu", "text/plain")}

    with FlaresendMock(strict=True) as running, prism(tmp_path, running.url) as url:

        def post(path: str, **how: Any) -> requests.Response:
            return requests.post(f"{url}/{path}", headers=headers, timeout=10, **how)

        sent = post("send-message", json=text)
        uploaded = [
            post("send-message", data={"recipients[]": some, "type": "document"}, files=files) for some in (to, to[:1])
        ]
        undocumented = post("send-message", data={"recipients": to, "type": "document"}, files=files)
        scheduled = post("schedule-message", json={**text, "sendAt": "2099-01-01 10:00:00"})
        refused = post("schedule-message", json={**text, "sendAt": "2001-01-01 10:00:00"})
        group = requests.get(f"{url}/groups/120363403582097887@g.us", headers=headers, timeout=10)

    assert (sent.status_code, sent.json()["total_recipients"]) == (200, 2)
    assert [(one.status_code, one.json()["total_recipients"]) for one in uploaded] == [(200, 2), (200, 1)]
    assert undocumented.status_code == 422
    assert "must have required property 'recipients[]'" in undocumented.text
    assert (scheduled.status_code, refused.status_code) == (200, 400)
    assert refused.json()["message"] == "sendAt must be in the future"
    assert (group.status_code, group.json()["data"]["name"]) == (200, "Again again")
