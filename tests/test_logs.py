"""The log: what others wrote cannot forge a line."""

from __future__ import annotations

import json
import logging

from flaresend_mock.cli.output import JsonFormatter, TextFormatter

RECORD = logging.LogRecord("x", logging.INFO, "x.py", 1, "GET %s", ("/\x1b[31m\nERROR forged\x85",), None)


def test_control_characters_are_shown_as_text() -> None:
    line = TextFormatter().format(RECORD)

    assert line.endswith(r"INFO    GET /\x1b[31m\x0aERROR forged\x85")


def test_json_has_one_line_a_record() -> None:
    line = JsonFormatter().format(RECORD)

    assert "\n" not in line
    assert json.loads(line)["message"] == RECORD.getMessage()
