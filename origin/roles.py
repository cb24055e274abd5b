"""What a role says of another role that it could not reach. Rules file: roles may be processes of their own."""

from __future__ import annotations


class RoleUnavailable(Exception):
    """Another role did not answer in time, or not at all; what was asked may or may not have been done. A retry helps.
    The text names the role."""
