"""Every value of origin crosses the wire unchanged, and values of a newer peer do no harm."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.events import InteractionType
from origin.model import Comment, Counts, Failure, Publication, StartupFile, User, Video, VideoStatus, Visibility
from origin.progress import Packaging, RungProgress, Stage
from origin.rpc import codec
from origin.rpc import origin_pb2 as pb
from origin.views import CommentView, Interaction, Listed, Refused, UploadTicket, UserView, VideoView

numbers = st.integers(-(1 << 63), (1 << 63) - 1)
indexes = st.integers(0, (1 << 31) - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
fractions = st.floats(0, 1)
users = st.builds(User, numbers, texts, st.booleans(), numbers)
counts = st.builds(Counts, numbers, numbers, numbers, numbers)
publications = st.builds(
    Publication,
    revision=numbers,
    files=st.dictionaries(texts, texts, max_size=4),
    renditions=st.lists(texts, max_size=4).map(tuple),
    startup=st.lists(st.builds(StartupFile, texts, numbers), max_size=4).map(tuple),
    duration_ms=numbers,
    width=numbers,
    height=numbers,
    thumbhash=texts,
)
videos = st.builds(
    Video,
    video_id=numbers,
    creator_id=numbers,
    description=texts,
    status=st.sampled_from(VideoStatus),
    visibility=st.sampled_from(Visibility),
    created_at_ms=numbers,
    progress=fractions,
    raw_key=texts,
    published_at_ms=st.none() | numbers,
    tags=st.lists(texts, max_size=4).map(tuple),
    counts=counts,
    publication=st.none() | publications,
    failure=st.none() | st.builds(Failure, texts, texts),
)
rungs = st.builds(RungProgress, indexes, fractions, st.booleans())
packaging = st.builds(Packaging, st.sampled_from(Stage), st.lists(rungs, max_size=4).map(tuple))
video_views = st.builds(VideoView, videos, users, st.booleans(), st.booleans(), st.none() | packaging)
comments = st.builds(CommentView, st.builds(Comment, numbers, numbers, numbers, texts, numbers), users)
user_views = st.builds(UserView, users, st.dictionaries(texts, numbers, max_size=4), st.booleans())
tickets = st.builds(UploadTicket, numbers, numbers, numbers, st.none() | numbers, texts, texts, st.booleans(), numbers)
interactions = st.builds(
    Interaction, texts, st.sampled_from(InteractionType), numbers, numbers, numbers, numbers, texts, numbers
)

CODECS = [
    (users, codec.encode_user, codec.decode_user),
    (publications, codec.encode_publication, codec.decode_publication),
    (videos, codec.encode_video, codec.decode_video),
    (video_views, codec.encode_view, codec.decode_view),
    (st.lists(video_views, max_size=3), codec.encode_views, codec.decode_views),
    (comments, codec.encode_comment, codec.decode_comment),
    (user_views, codec.encode_user_view, codec.decode_user_view),
    (st.lists(st.builds(Listed, users, numbers), max_size=3), codec.encode_listed, codec.decode_listed),
    (st.lists(st.builds(Refused, indexes, texts), max_size=3), codec.encode_refused, codec.decode_refused),
    (tickets, codec.encode_ticket, codec.decode_ticket),
]


@pytest.mark.parametrize(("values", "encode", "decode"), CODECS, ids=[c[1].__name__ for c in CODECS])
def test_what_is_encoded_comes_back_from_the_wire_as_it_was(values, encode, decode):
    @settings(max_examples=50, deadline=None)
    @given(values)
    def crosses(value):
        message = encode(value)
        assert decode(type(message).FromString(message.SerializeToString())) == value

    crosses()


@settings(max_examples=50, deadline=None)
@given(st.lists(interactions, max_size=4))
def test_interactions_come_back_by_their_index(acts):
    known, refused = codec.decode_interactions([codec.encode_interaction(act) for act in acts])
    assert known == dict(enumerate(acts))
    assert refused == []


@pytest.mark.parametrize(
    "kind", [User, Video, Publication, Counts, Failure, StartupFile, Comment, UploadTicket, Interaction]
)
def test_every_field_of_a_value_has_one_of_its_name_in_the_message(kind):
    message = getattr(pb, kind.__name__)
    assert {field.name for field in dataclasses.fields(kind)} == {field.name for field in message.DESCRIPTOR.fields}


@pytest.mark.parametrize("number", [0, 99])
def test_a_status_or_visibility_of_a_newer_peer_is_read_as_the_most_careful_one(number):
    video = codec.decode_video(pb.Video(status=number, visibility=number))
    assert (video.status, video.visibility) == (VideoStatus.PROCESSING, Visibility.PRIVATE)


def test_a_stage_of_a_newer_peer_is_not_told():
    view = codec.decode_view(pb.VideoView(packaging=pb.Packaging(stage="of_a_newer_version")))
    assert view.packaging is None


def test_an_interaction_of_a_newer_peer_is_refused_and_the_others_are_taken():
    like = codec.encode_interaction(Interaction("e", InteractionType.LIKE, 1, 0, 0, 0, "", 0))
    known, refused = codec.decode_interactions([pb.Interaction(type=99), like, pb.Interaction()])
    assert list(known) == [1]
    assert [each.index for each in refused] == [0, 2]
