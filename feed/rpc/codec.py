"""Messages of feed.proto and scorer.proto ↔ the feed's values. Rules file."""

from __future__ import annotations

from feed.ready.base import Entry
from feed.rpc import feed_pb2, scorer_pb2
from feed.views import FeedItem, FeedPage


def encode_page(page: FeedPage) -> feed_pb2.Page:
    items = [feed_pb2.Item(video_id=i.video_id, source=i.source, position=i.position) for i in page.items]
    return feed_pb2.Page(items=items, next_cursor=page.next_cursor, feed_id=page.feed_id, mode=page.mode)


def decode_page(message: feed_pb2.Page) -> FeedPage:
    return FeedPage(
        items=tuple(FeedItem(item.video_id, item.source, item.position) for item in message.items),
        next_cursor=message.next_cursor if message.HasField("next_cursor") else None,
        feed_id=message.feed_id,
        mode=message.mode,
    )


def encode_ranking(entries: tuple[Entry, ...] | None) -> scorer_pb2.Ranking:
    if entries is None:
        return scorer_pb2.Ranking(known=False)
    listed = [scorer_pb2.Entry(video_id=entry.video_id, source=entry.source) for entry in entries]
    return scorer_pb2.Ranking(known=True, entries=listed)


def decode_ranking(message: scorer_pb2.Ranking) -> tuple[Entry, ...] | None:
    if not message.known:
        return None
    return tuple(Entry(entry.video_id, entry.source) for entry in message.entries)
