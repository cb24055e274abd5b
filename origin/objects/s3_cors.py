"""What a bucket must allow to pages that send the parts of direct uploads. Rules file.

Presigned addresses carry all the right there is and no cookie, so that, as with the API, any origin may use them.
"""

from __future__ import annotations

from dataclasses import dataclass

from origin.objects.s3_replication import Rule


def cors_rules() -> list[Rule]:
    """Fetch standard, section 3.2; the entity tag is what a page compares a part by."""
    return [
        {
            "ID": "reelway-direct-uploads",
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 3600,
        }
    ]


@dataclass(frozen=True, slots=True)
class PageReport:
    """For `reelway doctor`: may pages send parts to the bucket?"""

    place: str
    rule: str
    """`set`, `missing`, or `not offered` where the server has no such API."""

    @property
    def works(self) -> bool:
        """A server without the API may allow pages by itself, or refuse them: nobody can tell from here."""
        return self.rule != "missing"

    def line(self) -> str:
        match self.rule:
            case "set":
                return f"pages may send parts to {self.place}"
            case "missing":
                return f"{self.place} allows no page to send parts: `reelway migrate` sets the CORS rule"
            case _:
                return f"{self.place} has no API for CORS rules: allow PUT from any origin with the server's own tool"
