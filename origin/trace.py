"""The request id that follows a request through every role.

A shell that takes a request sets it; whatever runs in the same task (log lines, events, calls to other roles)
reads it. Empty outside of a request.
"""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
