"""The emulator's own log on standard error, as text or as JSON."""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}  # characters that control a terminal, end a line or reverse the direction of text, with their escapes


def visible(text: str) -> str:
    return text.translate(_CONTROL)


def configure(log_format: str, level: str) -> None:
    """Log to standard error. As JSON, this includes warnings and the errors that end a thread or the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    if log_format == "json":
        logging.captureWarnings(True)
        sys.excepthook = lambda *error: logging.critical("stopped by an error", exc_info=error)
        threading.excepthook = sys.unraisablehook = _log_failure


def _log_failure(failed: Any) -> None:
    logging.error("failed", exc_info=failed[:3])


def is_json() -> bool:
    """Tell whether the log is JSON, and so no other lines may be between its lines."""
    return any(isinstance(handler.formatter, JsonFormatter) for handler in logging.root.handlers)


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


class TextFormatter(logging.Formatter):
    """Formats a record as one line. A client's text cannot start another line or control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_stamp(record)} {record.levelname:7} {visible(record.getMessage())}"
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"  {visible(one)}" for one in trace)])


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {"time": _stamp(record), "level": record.levelname.lower(), "logger": record.name}
        entry["message"] = record.getMessage()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)
