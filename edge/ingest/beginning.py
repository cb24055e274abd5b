"""An upload is begun within its user's quota, whichever gateways they ask at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from edge.gateway.ports import UploadCatalog
from edge.gateway.problems import ApiProblem
from edge.ingest import quota
from edge.ingest.settings import IngestSettings
from origin.views import UploadTicket


async def begin_within_quota(
    catalog: UploadCatalog,
    settings: IngestSettings,
    user_id: int,
    length: int | None,
    begin: Callable[[], Awaitable[UploadTicket]],
) -> UploadTicket:
    """What `begin` made, an upload that may take `length` bytes of the quota. Raises ApiProblem.

    The quota is asked again once the upload is recorded: of several that took the last place together each sees all
    that were recorded before it looked, so at least the one that looks last is refused, perhaps all, never none.
    """
    if problem := quota.refusal(await catalog.live_by(user_id), length, settings):
        raise ApiProblem(problem)
    ticket = await begin()
    others = [each for each in await catalog.live_by(user_id) if each.upload_id != ticket.upload_id]
    if problem := quota.refusal(others, length, settings):
        await catalog.cancel(ticket.upload_id)
        raise ApiProblem(problem)
    return ticket
