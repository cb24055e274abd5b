"""Whatever fails and in whatever order, a message reaches a receiver that takes it in the end, under one id."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from origin.webhooks.delivering import DeliverySettings
from origin.webhooks.rooms import RoomSettings
from origin.webhooks.schedule import WAITS_S
from tests.origin.webhooks.conftest import post_on
from tests.origin.webhooks.receiver import answered, receiving
from tests.waiting import until

FAILURES = [answered("503 Service Unavailable", "retry-after: 60"), answered("302 Found", "location: /"), b"?\r\n\r\n"]
TAKEN = answered("204 No Content")


@settings(max_examples=40)
@given(
    answers=st.lists(st.sampled_from([*FAILURES, TAKEN, None]), max_size=len(WAITS_S)),
    kills=st.lists(st.integers(1, 10), max_size=3, unique=True).map(sorted),
    videos=st.integers(1, 4),
    rooms=st.builds(
        RoomSettings,
        each=st.integers(1, 2),
        failing_each=st.just(1),
        failing_all=st.integers(1, 2),
        user=st.integers(1, 2),
    ),
    at_once=st.integers(1, 4),
)
def test_each_message_reaches_a_receiver_that_takes_it_in_the_end_and_never_under_two_ids(
    answers, kills, videos, rooms, at_once
):
    asyncio.run(told(answers, kills, videos, DeliverySettings(at_once, rooms)))


async def told(answers: list[bytes | None], kills: list[int], videos: int, room: DeliverySettings) -> None:
    """An answer of None never comes: the deliverers are killed then, as they are at the numbers of requests given."""
    script = list(answers)
    async with post_on("memory:") as post, receiving(*answers, TAKEN) as receiver:
        post.settings = room
        made = await post.subscribe(receiver)
        wanted = {f"msg_{video_id}_ready_1" for video_id in range(1, videos + 1)}
        for video_id in range(1, videos + 1):
            await post.happens(video_id)
        post.start()

        def taken() -> set[str]:
            done = zip(receiver.requests, [*script, *[TAKEN] * len(receiver.requests)], strict=False)
            return {fields["webhook-id"] for (_, fields, _), answer in done if answer == TAKEN}

        while taken() != wanted:
            number = len(receiver.requests)
            await until(lambda at=number: len(receiver.requests) > at or bool(receiver.waiting) or taken() == wanted)
            if receiver.waiting or (kills and len(receiver.requests) >= kills[0]):
                receiver.waiting.clear()
                kills = kills[1:]
                await post.kill()
                post.start()
        await post.until_noted(made, 1)
        assert {fields["webhook-id"] for _, fields, _ in receiver.requests} == wanted
        bodies = {(fields["webhook-id"], body) for _, fields, body in receiver.requests}
        assert len(bodies) == len(wanted)
        assert await post.letters() == []
