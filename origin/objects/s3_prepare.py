"""Prepare a bucket, and its replica when it has one; check that what is put arrives there. Shell."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from origin.objects.base import NoSuchObject, StoreUnprepared
from origin.objects.s3_client import S3Client
from origin.objects.s3_cors import PageReport, cors_rules
from origin.objects.s3_errors import AlreadyOurs, NotConfigured, NotOffered, NotUnderstood
from origin.objects.s3_objects import delete_below
from origin.objects.s3_parts import PROBES
from origin.objects.s3_replication import (
    OUR_RULE,
    ReplicationReport,
    Rule,
    lifecycle_rules,
    merged,
    missing,
    replication_rule,
)
from origin.objects.s3_url import S3Place

POLL_S = 0.1
_AWS_DEFAULT_REGION = "us-east-1"


async def prepare(place: S3Place) -> Sequence[str]:
    """See `origin.objects.prepare_objects`."""
    lines: list[str] = []
    async with _client(place) as client:
        versioned = place.replica is not None
        lines += await client.run(_prepare_bucket, client, versioned)
        lines += await client.run(_allow_pages, client)
        if place.replica is not None:
            async with _client(place.replica) as replica:
                lines += await replica.run(_prepare_bucket, replica, versioned)
            lines += await client.run(_replicate, client, place.replica)
    return lines


@contextlib.asynccontextmanager
async def _client(place: S3Place) -> AsyncIterator[S3Client]:
    client = S3Client(place)
    try:
        yield client
    finally:
        await client.close()


def _prepare_bucket(client: S3Client, versioned: bool) -> list[str]:
    made = _make_bucket(client)
    lines = [f"{client.place}: made the bucket"] if made else []
    if versioned and client.do("get_bucket_versioning").get("Status") != "Enabled":
        client.do("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})
        lines.append(f"{client.place}: switched versioning on, which replication needs")
    return lines + _set_lifecycle(client, versioned, made)


def _make_bucket(client: S3Client) -> bool:
    """False when we had it."""
    try:
        client.do("list_objects_v2", MaxKeys=1)
    except StoreUnprepared:
        region = client.region()
        # AWS refuses its default region as a constraint, and wants every other.
        elsewhere = region != _AWS_DEFAULT_REGION
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if elsewhere else {}
        try:
            client.do("create_bucket", **where)
        except AlreadyOurs:
            return False
        return True
    return False


def _set_lifecycle(client: S3Client, versioned: bool, made: bool) -> list[str]:
    wanted = lifecycle_rules(versioned=versioned)
    try:
        present = _lifecycle(client)
        if not missing(wanted, present):
            return []
        client.do("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": merged(wanted, present)})
        ignored = missing(wanted, _lifecycle(client))
    except (NotOffered, NotUnderstood):
        # MinIO knows no rule for multiparts and finds nothing in a document of that alone.
        ignored = wanted
    if ignored:
        names = ", ".join(rule["ID"] for rule in ignored)
        # Said once, with the bucket: a later start has nothing new to say.
        return [f"{client.place}: the server has no lifecycle rules like {names}; our own sweep does it"] * made
    return [f"{client.place}: set lifecycle rules for abandoned multiparts" + " and old versions" * versioned]


def _allow_pages(client: S3Client) -> list[str]:
    wanted = cors_rules()
    try:
        present = _cors(client)
        if not missing(wanted, present):
            return []
        client.do("put_bucket_cors", CORSConfiguration={"CORSRules": merged(wanted, present)})
    except (NotOffered, NotUnderstood):
        return []
    return [f"{client.place}: let pages send the parts of direct uploads"]


def _cors(client: S3Client) -> list[Rule]:
    try:
        rules: list[Rule] = client.do("get_bucket_cors").get("CORSRules", [])
    except NotConfigured:
        return []
    return rules


async def check_pages(place: S3Place) -> PageReport:
    """See `origin.objects.check_direct_uploads`."""
    async with _client(place) as client:
        try:
            lacking = missing(cors_rules(), await client.run(_cors, client))
        except (NotOffered, NotUnderstood):
            return PageReport(str(place), "not offered")
        return PageReport(str(place), "missing" if lacking else "set")


def _lifecycle(client: S3Client) -> list[Rule]:
    try:
        rules: list[Rule] = client.do("get_bucket_lifecycle_configuration").get("Rules", [])
    except NotConfigured:
        return []
    return rules


def _replicate(client: S3Client, replica: S3Place) -> list[str]:
    place = client.place
    by_hand = f"set up replication from {place} to {replica} with the server's own tool"
    try:
        role, present = _replication(client)
        others = [rule for rule in present if rule.get("ID") != OUR_RULE]
        # AWS wants another priority for each rule.
        wanted = [replication_rule(replica, 1 + max((rule.get("Priority", 0) for rule in others), default=0))]
        if not missing(wanted, present):
            return []
        role = place.replication_role or role
        if not role:
            return [f"{by_hand}, or give replication_role=ARN in the URL to have it done"]
        client.do("put_bucket_replication", ReplicationConfiguration={"Role": role, "Rules": merged(wanted, present)})
    except NotOffered:
        return [f"{by_hand}: it has no API for it"]
    return [f"{place}: set the replication rule to {replica}"]


def _replication(client: S3Client) -> tuple[str, list[Rule]]:
    """Role and rules as they are."""
    try:
        configuration: dict[str, Any] = client.do("get_bucket_replication")["ReplicationConfiguration"]
    except NotConfigured:
        return "", []
    return configuration.get("Role", ""), configuration.get("Rules", [])


async def check_replica(source: S3Place, target: S3Place, within_s: float) -> ReplicationReport:
    """See `origin.objects.check_replication`."""
    async with _client(source) as client, _client(target) as replica:
        rule, role = await client.run(_rule_of, client)
        versioning = (await client.run(_versioning, client), await replica.run(_versioning, replica))
        status, arrived_after_ms = await _probe(client, replica, within_s)
        return ReplicationReport(
            source=str(source),
            replica=str(target),
            versioning=versioning,
            rule=rule,
            role=role,
            probe_status=status,
            arrived_after_ms=arrived_after_ms,
        )


def _rule_of(client: S3Client) -> tuple[str, str]:
    try:
        role, rules = _replication(client)
    except NotOffered:
        return "not offered", ""
    enabled = [rule.get("Status") == "Enabled" for rule in rules]
    return ("enabled" if any(enabled) else "disabled" if enabled else "missing"), role


def _versioning(client: S3Client) -> str:
    status: str = client.do("get_bucket_versioning").get("Status", "")
    return status


async def _probe(client: S3Client, replica: S3Client, within_s: float) -> tuple[str, int | None]:
    """What the source says of a probe object, and after how many ms it was in the replica."""
    key = PROBES + uuid.uuid4().hex
    now = asyncio.get_running_loop().time
    begin = now()
    status = ""
    arrived_after_ms = None
    await client.call("put_object", Key=key, Body=b"probe")
    try:
        while arrived_after_ms is None and now() - begin < within_s:
            await asyncio.sleep(POLL_S)
            if await _is_there(replica, key):
                arrived_after_ms = round((now() - begin) * 1000)
            status = (await client.call("head_object", Key=key)).get("ReplicationStatus", "")
    finally:
        for one in (client, replica):
            await one.run(delete_below, one, PROBES)
    return status, arrived_after_ms


async def _is_there(client: S3Client, key: str) -> bool:
    try:
        await client.call("head_object", Key=key)
    except NoSuchObject:
        return False
    return True
