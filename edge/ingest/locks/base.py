"""The port to the upload locks: one writer per upload, among all gateways.

Words: a request *claims* an upload under a name of its own and is granted a *lease* with a *token*, a number that
grows from lease to lease of an upload. A lease ends when it is released, or by itself LEASE_MS after it was last
renewed. A request that claims *waits* until the holder, who learns of it when it renews, gives way; of several that
wait the newest gets the lease and the others are told that they are superseded.

Promised: at most one lease is renewed successfully from any moment on; renewing or releasing under an older token does
nothing. When the shared store fails over and loses a lease, the holder takes it back by its token, unless a newer one
was granted: then the holder learns that it lost it. (The servers' clocks must agree to within LEASE_MS.)

What a lease cannot do is hold back bytes that are on their way already: a gateway that is paused for longer than
LEASE_MS in the middle of storing a part finishes that part when it wakes. So a writer stores one part at a time, renews
after each and acknowledges only then, and who takes over a lease that was not released leaves part numbers free for
such *strays* (`Granted.strays`); `origin.parts` tells them from the parts that count. So an acknowledged offset never
goes back, and of two writers one acknowledges.

While the store is away nobody is granted anything and nobody's renewal succeeds: uploads wait as long as a failover
takes, then answer 503 and go on from their offset later. Deciding in each process alone, as rate limits do, would let
two gateways write parts of the same number over each other, and a clip that was acknowledged would be ruined; a client
that has to try again loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LEASE_MS = 4_000
"""Shorter than a request waits for its turn, so that it outlives a holder that died."""
KEEP_MS = 25 * 3600 * 1000
"""How long the token of an upload is remembered after its last use; an upload lives for 24 h."""


class LockError(Exception):
    """The root of this port's errors."""


class Superseded(LockError):
    """A newer request claims the upload."""


class LockLost(LockError):
    """The lease went to another request."""


class LocksUnavailable(LockError):
    """The shared store did not answer. A retry helps."""


@dataclass(frozen=True, slots=True)
class Claim:
    upload_id: int
    claimant: str
    """A name that no other request has."""
    new: bool = False
    """This request made the upload, so nobody can have written to it."""


@dataclass(frozen=True, slots=True)
class Granted:
    token: int
    strays: int
    """Leases that were not released and may each still bring one part, since a part was last renewed for."""


class Locks(Protocol):
    async def claim(self, claim: Claim, *, first: bool) -> Granted | None:
        """The lease, or None while another request holds it: ask again soon, with `first` False.
        Raises Superseded, LocksUnavailable."""

    async def renew(self, upload_id: int, granted: Granted, *, stored: bool) -> bool:
        """Keep the lease for its whole time from now; True when another request waits. `stored`: a part was stored
        under it, behind which no stray can come. Raises LockLost, LocksUnavailable."""

    async def release(self, upload_id: int, granted: Granted) -> None:
        """Let the next request in. Raises LocksUnavailable; the lease then ends by itself."""

    async def close(self) -> None: ...
