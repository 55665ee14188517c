"""Logs: constant text with structured fields, as one JSON object a line or as text for people, on standard error."""

import json
import logging
import sys
import time
from typing import Any

from twinrail.settings import Settings


class _JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, constant text, structured fields."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        fields = {key: value for key, value in vars(record).items() if key not in self._OWN}
        line: dict[str, Any] = {
            "at": record.created,
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
            **fields,
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _TextLines(_JsonLines):
    """One line for people, with the structured fields behind the text."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        fields = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in self._OWN)
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        text = f"{moment} {record.levelname.lower():7} {record.name}: {record.getMessage()} {fields}".rstrip()
        return text + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def configure_logs(settings: Settings) -> None:
    """Send logs to standard error in the format that is set."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.log.format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log.level.upper())
