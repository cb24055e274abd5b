"""What a bucket needs to have abandoned bytes removed and to be copied to another bucket. Rules file.

Documents are those of the S3 API; they are compared and merged, so what an operator has set up beside ours stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from origin.objects.s3_url import S3Place

ABANDONED_DAYS = 3
"""An upload ends after a day."""
OLD_VERSION_DAYS = 7
"""Replication needs versioning, and versioning keeps what was deleted."""
OUR_RULE = "reelway-replica"
_EVERYTHING = {"Prefix": ""}

Rule = dict[str, Any]


def lifecycle_rules(*, versioned: bool) -> list[Rule]:
    rules: list[Rule] = [
        {
            "ID": "reelway-abandoned-multiparts",
            "Status": "Enabled",
            "Filter": _EVERYTHING,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
        }
    ]
    if versioned:
        rules.append(
            {
                "ID": "reelway-old-versions",
                "Status": "Enabled",
                "Filter": _EVERYTHING,
                "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSION_DAYS},
            }
        )
    return rules


def replication_rule(replica: S3Place, priority: int) -> Rule:
    return {
        "ID": OUR_RULE,
        "Status": "Enabled",
        "Priority": priority,
        "Filter": _EVERYTHING,
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{replica.bucket}"},
    }


def missing(wanted: Sequence[Rule], present: Sequence[Rule]) -> list[Rule]:
    """Those wanted rules that are not present as they should be; a server may add fields of its own."""
    by_id = {rule.get("ID"): rule for rule in present}
    return [rule for rule in wanted if not _covers(by_id.get(rule["ID"], {}), rule)]


def _covers(present: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(_covers(present.get(name), value) for name, value in wanted.items())
    return bool(present == wanted or (wanted == "" and present is None))


def merged(wanted: Sequence[Rule], present: Sequence[Rule]) -> list[Rule]:
    """All rules, ours in place of older ones of ours."""
    ours = {rule["ID"] for rule in wanted}
    return [*(rule for rule in present if rule.get("ID") not in ours), *wanted]


@dataclass(frozen=True, slots=True)
class ReplicationReport:
    """For `reelway doctor`."""

    source: str
    replica: str
    versioning: tuple[str, str]
    """Of both, as S3 says it: `Enabled`, `Suspended`, or empty."""
    rule: str
    """`enabled`, `disabled`, `missing`, or `not offered` where the server has no such API."""
    role: str
    """In whose name the server copies; empty where it names none."""
    probe_status: str
    """What the source said last of the probe object (`COMPLETED`, `PENDING`, `FAILED`); empty when nothing."""
    arrived_after_ms: int | None
    """Of the probe in the replica; None when it did not come in time."""

    @property
    def works(self) -> bool:
        return self.arrived_after_ms is not None

    def lines(self) -> list[str]:
        """What was found, and what to do about it."""
        lines = [
            f"{name} has versioning {status or 'off'}: replication needs it; `reelway migrate` switches it on"
            for name, status in zip((self.source, self.replica), self.versioning, strict=True)
            if status != "Enabled"
        ]
        match self.rule:
            case "missing" | "disabled":
                lines.append(f"the replication rule of {self.source} is {self.rule}: `reelway migrate` sets it")
            case "not offered":
                lines.append(f"{self.source} has no API for replication: set it up with the server's own tool")
        if self.works:
            lines.append(f"a probe object arrived in {self.replica} after {self.arrived_after_ms} ms")
        else:
            lines.append(
                f"a probe object did not arrive in {self.replica} in time "
                f"(the source says {self.probe_status or 'nothing'}; role {self.role or 'none'})"
            )
        return lines
