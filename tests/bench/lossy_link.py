"""A long link that loses packets, between two network namespaces of its own, for kernels without `netem`.

Each namespace is held by a process and has a TUN device; a third process carries packets between the two, each after
the same delay and at a bounded rate, and drops some at random (seeded). Everything ends with the processes, also when
whoever started them is killed: they end with their standard input.

    with lossy_link(Link()) as (near, far):
        subprocess.run([*near.inside(), "ping", "-c1", far.address])

As root on Linux. Raises NoLink where namespaces or TUN devices are not to be had.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
DEVICE = "link0"
MTU = 1500
ADDRESSES = ("10.77.0.1", "10.77.0.2")


class NoLink(Exception):
    """This machine does not let us make one."""


@dataclass(frozen=True, slots=True)
class Link:
    delay_s: float = 0.03
    """Each way."""
    loss: float = 0.05
    """Share of packets, each way."""
    bytes_per_s: float = 50e6 / 8
    queue_s: float = 0.2
    """What waits longer for its turn is dropped."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    address: str
    pid: int

    def inside(self) -> tuple[str, ...]:
        """What a command line begins with to run there."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net")


@contextmanager
def lossy_link(link: Link) -> Iterator[tuple[Place, Place]]:
    with ExitStack() as stack:
        ends = [stack.enter_context(_end(address)) for address in ADDRESSES]
        fds = [fd for _, fd in ends]
        figures = (link.delay_s, link.loss, link.bytes_per_s, link.queue_s, link.seed)
        carrier = [sys.executable, "-m", "tests.bench.lossy_link", "carry", *map(str, fds), *map(str, figures)]
        with subprocess.Popen(carrier, stdin=subprocess.PIPE, pass_fds=fds) as process:
            for fd in fds:
                os.close(fd)
            try:
                yield ends[0][0], ends[1][0]
            finally:
                process.kill()


@contextmanager
def _end(address: str) -> Iterator[tuple[Place, int]]:
    """One namespace, and the file descriptor of its device."""
    ours, theirs = socket.socketpair()
    holder = [sys.executable, "-m", "tests.bench.lossy_link", "hold", address, str(theirs.fileno())]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        try:
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            if not fds:
                raise NoLink("no network namespace or TUN device: it takes root, and /dev/net/tun")
            yield Place(address, process.pid), fds[0]
        finally:
            ours.close()
            process.kill()


def hold(address: str, reply_to: int) -> None:
    if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
        raise SystemExit("no network namespace")
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for words in (
        f"addr add {address}/24 dev {DEVICE}",
        f"link set {DEVICE} mtu {MTU} up",
        "link set lo up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    with socket.socket(fileno=reply_to) as reply:
        socket.send_fds(reply, [b"."], [device])
    sys.stdin.buffer.read()


class _Direction:
    """From one device to the other."""

    def __init__(self, source: int, target: int, link: Link, seed: int) -> None:
        self.source, self._target, self._link = source, target, link
        self._random = random.Random(seed)
        self._free_at = 0.0
        self._flying: deque[tuple[float, bytes]] = deque()

    def take(self, now: float) -> None:
        while True:
            try:
                packet = os.read(self.source, MTU + 100)
            except BlockingIOError:
                return
            begins = max(now, self._free_at)
            if begins - now > self._link.queue_s or self._random.random() < self._link.loss:
                continue
            self._free_at = begins + len(packet) / self._link.bytes_per_s
            self._flying.append((self._free_at + self._link.delay_s, packet))

    def deliver(self, now: float) -> float | None:
        """When the next one is due."""
        while self._flying and self._flying[0][0] <= now:
            try:
                os.write(self._target, self._flying.popleft()[1])
            except OSError:
                continue
        return self._flying[0][0] if self._flying else None


def carry(near: int, far: int, link: Link) -> None:
    ways = [_Direction(near, far, link, link.seed), _Direction(far, near, link, link.seed + 1)]
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        for way in ways:
            os.set_blocking(way.source, False)
            selector.register(way.source, selectors.EVENT_READ, way)
        due: float | None = None
        while True:
            wait = None if due is None else max(0.0, due - time.monotonic())
            for key, _ in selector.select(wait):
                if key.data is None:
                    return
                key.data.take(time.monotonic())
            now = time.monotonic()
            dues = [at for way in ways if (at := way.deliver(now)) is not None]
            due = min(dues, default=None)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(sys.argv[2], int(sys.argv[3]))
    else:
        delay_s, loss, bytes_per_s, queue_s = map(float, sys.argv[4:8])
        carry(int(sys.argv[2]), int(sys.argv[3]), Link(delay_s, loss, bytes_per_s, queue_s, int(sys.argv[8])))
