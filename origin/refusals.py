"""What the use cases of origin refuse, apart from what a store could not find or do.

Rules file: here, and not beside a use case, because the edge maps these to status codes and knows no use case.
"""

from __future__ import annotations


class Refusal(Exception):
    """The root: the caller's fault, a retry does not help. Its text is a sentence for the caller."""


class NotCreator(Refusal):
    """Only the creator (of a comment: its author too) may do that."""


class SelfFollow(Refusal):
    """One cannot follow oneself."""


class CommentRefused(Refusal):
    """The text filter refused a comment."""


class BadCaptions(Refusal):
    """A caption track is no WebVTT, or there is no room for another language."""


class BadWebhook(Refusal):
    """No message may be sent to a webhook's URL; says why."""


class TooManyWebhooks(Refusal):
    """The user has as many webhooks as there may be."""


class WebhookDisabled(Refusal):
    """The webhook gets no messages until it is enabled again."""


class StillRetrying(Refusal):
    """A message cannot be replayed while it is sent again by itself."""


class AlreadyNamed(Refusal):
    """The user claimed a handle before; it is kept for good."""


class NotHeld(Refusal):
    """The video does not wait for a review: decided already, deleted, or never held."""


class NothingToTakeDown(Refusal):
    """The video has ended without being shown, or is not there whole yet."""


class NotTakenDown(Refusal):
    """There is no takedown of the video to undo."""


class UploadIncomplete(Refusal):
    """An upload cannot be finished: fewer or more bytes are stored than were announced."""


class NoSuchPartial(Refusal):
    """A final upload names a part that is no partial upload of this user."""


class NoDirectUploads(Refusal):
    """The object store takes nothing from clients."""


class NotAClip(Refusal):
    """The bytes of an upload are no MP4 or QuickTime clip."""


class WrongDigest(Refusal):
    """The bytes of an upload are not what its digest says."""
