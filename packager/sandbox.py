"""Shut a child program in: it reads its input, writes into its working folder, and opens no socket. Shell.

Two of Linux's means that need no privileges and no other program: Landlock (files, TCP, signals) and a seccomp filter
(sockets of any kind). Where the kernel has neither, the child runs with its limits alone; `describe` says which it is.
Called between fork and exec by `launcher`, so it imports nothing of the packager.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/dev/zero")
"""What a program's loader and libraries read."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _READ_FILE | _READ_DIR | _EXECUTE
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Landlock's ABI → how many file rights it knows; 16 from ABI 5 on."""

_ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""The kernel's number of the architecture, and that of socket(2) on it."""
_IO_URING_SETUP = 425
_X32_BIT = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000


def landlock_abi() -> int:
    """The version of Landlock that the kernel offers, 0 for none."""
    if sys.platform != "linux":
        return 0
    abi: int = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(0, abi)


def describe() -> str:
    """For the operator: what children are shut in by."""
    abi = landlock_abi()
    means = ([f"Landlock {abi} (files)"] if abi else []) + (["seccomp (sockets)"] if _filters_sockets() else [])
    return " and ".join(means) or "none: this system offers neither Landlock nor seccomp"


def is_complete() -> bool:
    """False where children can reach files that are none of theirs, or the network."""
    return landlock_abi() > 0 and _filters_sockets()


def _filters_sockets() -> bool:
    return sys.platform == "linux" and os.uname().machine in _ARCHITECTURES


def confine(readable: list[str], writable: list[str]) -> None:
    """For the calling process and all it becomes, for good. Raises OSError where the kernel refuses what it offers."""
    abi = landlock_abi()
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if abi:
        _restrict_files(libc, abi, readable, writable)
    if _filters_sockets():
        _refuse_sockets(libc, *_ARCHITECTURES[os.uname().machine])


def _restrict_files(libc: ctypes.CDLL, abi: int, readable: list[str], writable: list[str]) -> None:
    handled = (1 << _FILE_RIGHTS.get(abi, 16)) - 1
    # File rights; binding and connecting TCP (from ABI 4 on); abstract sockets and signals to others (from 6 on).
    fields = [handled, *[3] * (abi >= 4), *[3] * (abi >= 6)]
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    _checked(ruleset, "Landlock")
    for path in (*SYSTEM, *readable):
        _allow(libc, ruleset, path, _READ & handled)
    for path in writable:
        _allow(libc, ruleset, path, handled & ~_EXECUTE)
    _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")
    os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not os.path.isdir(path):  # noqa: PTH112  -- pathlib would double the start-up time
        rights &= _OF_FILES
    rule = struct.pack("=Qi", rights, opened)
    _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0), path)
    os.close(opened)


def _refuse_sockets(libc: ctypes.CDLL, architecture: int, socket: int) -> None:
    program = [
        (_LOAD, 0, 0, 4),  # the architecture of this call
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # its number
        (_AT_LEAST, 2, 0, _X32_BIT),  # the same calls under other numbers
        (_EQUAL, 1, 0, socket),
        (_EQUAL, 0, 1, _IO_URING_SETUP),  # which could open sockets, too
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(filters))
    _checked(libc.prctl(_SET_SECCOMP, _FILTER_MODE, header, 0, 0), "seccomp")


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
