"""Targets, binds, what the .proto files say of methods, and deadlines that shrink."""

from __future__ import annotations

import json

import pytest

from origin.deadline import LEAST_S, MARGIN_S, DeadlinePassed, left_s, within
from origin.rpc import origin_pb2
from origin.rpc.methods import methods_of, service_config
from origin.rpc.settings import RpcSettings
from origin.rpc.targets import BadTarget, is_loopback, parse_bind, parse_target

SERVICES = list(origin_pb2.DESCRIPTOR.services_by_name.values())


@pytest.mark.parametrize(
    ("target", "grpcs"),
    [
        ("origin:7101", "dns:///origin:7101"),
        ("127.0.0.1:7101", "dns:///127.0.0.1:7101"),
        ("dns:///origin.internal:7101", "dns:///origin.internal:7101"),
        ("10.0.0.1:7101, 10.0.0.2:7101", "ipv4:10.0.0.1:7101,10.0.0.2:7101"),
        ("localhost:1,127.0.0.1:2", "ipv4:127.0.0.1:1,127.0.0.1:2"),
        ("[::1]:1,[fd00::2]:2", "ipv6:[::1]:1,[fd00::2]:2"),
        ("[::1]:7101", "dns:///[::1]:7101"),
    ],
)
def test_a_target_is_one_name_or_several_addresses(target, grpcs):
    assert parse_target(target) == grpcs


@pytest.mark.parametrize(
    "target",
    [
        "",
        "origin",
        "origin:",
        ":7101",
        "origin:99999",
        "a:1,b:2",
        "10.0.0.1:1,[::1]:2",
        "http://o:1",
        "dns:///o",
        "1.2.3.4:1,",
    ],
)
def test_what_is_no_target_is_refused_with_what_is_allowed(target):
    with pytest.raises(BadTarget, match=r"address|name"):
        parse_target(target)


@pytest.mark.parametrize("host", ["localhost", "127.9.9.9", "::1"])
def test_loopback_is_this_machine_alone(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "origin", "::"])
def test_any_other_address_is_reached_by_others(host):
    assert not is_loopback(host)


def test_a_bind_is_a_host_and_a_port():
    assert parse_bind("[::1]:7101") == ("::1", 7101)


def test_only_what_may_be_repeated_is_retried():
    config = json.loads(service_config(SERVICES, RpcSettings()))
    retried = {each["method"] for each in config["methodConfig"][0]["name"]}
    assert {"View", "Views", "Like", "Follow", "Interact", "Finish", "FixLength"} <= retried
    assert not retried & {"CreateUser", "ClaimHandle", "Comment", "DeleteComment", "Delete", "Begin"}


def test_every_call_has_a_deadline_and_only_streams_have_none():
    methods = [method for service in SERVICES for method in methods_of(service).values()]
    assert {method.name for method in methods if method.timeout_s is None} == {"Changes"}
    assert all(method.streams for method in methods if method.timeout_s is None)


def test_a_method_is_named_as_python_names_things():
    assert methods_of(SERVICES[0])["ByCreator"].python_name == "by_creator"


def test_without_a_request_a_call_gets_its_own_time():
    assert left_s(2.0, 100.0) == 2.0


def test_a_call_gets_what_the_request_has_left_after_the_margin_if_that_is_less():
    with within(10.0, 100.0):
        assert left_s(2.0, 101.0) == 2.0
        assert left_s(2.0, 109.0) == pytest.approx(1.0 - MARGIN_S)


def test_each_hop_gets_less_than_the_one_before():
    with within(1.0, 0.0):
        first = left_s(5.0, 0.0)
        with within(first, 0.0):
            assert left_s(5.0, 0.0) == pytest.approx(first - MARGIN_S)


def test_a_longer_time_inside_a_shorter_one_does_not_lengthen_it():
    with within(1.0, 0.0), within(60.0, 0.0):
        assert left_s(60.0, 0.0) == pytest.approx(1.0 - MARGIN_S)


def test_nothing_is_begun_with_too_little_time_left():
    with within(1.0, 0.0), pytest.raises(DeadlinePassed):
        left_s(5.0, 1.0 - MARGIN_S - LEAST_S / 2)
    assert left_s(5.0, 1.0) == 5.0
