"""Why the engines are not there; each text says what to do."""

from __future__ import annotations


class ServicesError(Exception):
    """Root of what keeps an engine from running here."""


class ToolMissing(ServicesError):
    """The machine lacks a program that an engine needs."""


class FetchFailed(ServicesError):
    """An engine could not be downloaded or built."""


class NotStarted(ServicesError):
    """An engine did not come up; the text ends with the end of its log."""


class PortTaken(ServicesError):
    """Another program listens where an engine listened before."""
