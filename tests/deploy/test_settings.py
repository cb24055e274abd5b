"""Settings: where they come from, and what stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.setting_forms import Bind
from deploy.settings import BadSetting, load, masked


def test_without_anything_given_the_embedded_default_lives_in_one_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, {})
    assert settings.metadata_url == f"sqlite://{tmp_path}/var/metadata.db"
    assert settings.objects_url == f"file://{tmp_path}/var/objects"
    assert settings.gateway_bind == Bind("127.0.0.1", 8443)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    (tmp_path / "reelway.toml").write_text('packager_jobs = 3\nlog = "json"\n')
    settings = load(tmp_path, {"REELWAY_PACKAGER_JOBS": "2"})
    assert (settings.packager_jobs, settings.log, settings.log_level) == (2, "json", "info")


def test_playback_begins_with_the_public_address_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path, {"REELWAY_PUBLIC_URL": "https://api.example/"}).media_url == "https://api.example"
    both = {"REELWAY_PUBLIC_URL": "https://api.example", "REELWAY_MEDIA_URL": "https://cdn.example"}
    assert load(tmp_path, both).media_url == "https://cdn.example"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"REELWAY_GATWAY_BIND": "x"}, ("REELWAY_GATWAY_BIND", "REELWAY_GATEWAY_BIND")),
        ({"REELWAY_GATEWAY_BIND": "localhost"}, ("REELWAY_GATEWAY_BIND", "'localhost'", "host:port")),
        ({"REELWAY_GATEWAY_BIND": "localhost:99999"}, ("'localhost:99999'", "1 to 65535")),
        ({"REELWAY_METADATA_URL": "mysql://x"}, ("REELWAY_METADATA_URL", "'mysql://x'", "sqlite:///")),
        ({"REELWAY_PACKAGER_JOBS": "0"}, ("REELWAY_PACKAGER_JOBS", "1 to 64")),
        ({"REELWAY_LOG": "xml"}, ("text or json",)),
        ({"REELWAY_TLS_CERT": "/x"}, ("REELWAY_TLS_CERT", "REELWAY_TLS_KEY")),
        ({"REELWAY_AUTH_ISSUER": "http://insecure"}, ("local", "https://")),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name_and_what_is_allowed(
    tmp_path: Path, given: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(BadSetting) as refused:
        load(tmp_path, given)
    assert all(word in str(refused.value) for word in words)


def test_a_bad_line_in_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "reelway.toml").write_text("colour = 'red'\n")
    with pytest.raises(BadSetting, match=r"colour in reelway\.toml"):
        load(tmp_path, {})
    (tmp_path / "reelway.toml").write_text("not toml")
    with pytest.raises(BadSetting, match="cannot be read"):
        load(tmp_path, {})


@pytest.mark.parametrize("password", ["p@ss", "two words", "a:b", "hunter2"])
def test_of_a_password_nothing_is_shown(tmp_path: Path, password: str) -> None:
    shown = masked(load(tmp_path, {"REELWAY_REDIS_URL": f"redis://app:{password}@cache:6379/0"}))
    assert shown["REELWAY_REDIS_URL"] == "redis://app:***@cache:6379/0"
    replica = f"s3://key:{password}@clips?replica=s3://key:{password}@copies%3Fregion=x"
    told = masked(load(tmp_path, {"REELWAY_OBJECTS_URL": replica}))["REELWAY_OBJECTS_URL"]
    assert told == "s3://key:***@clips?replica=s3://key:***@copies%3Fregion=x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REELWAY_REDIS_URL", "rediss3://app:hunter2@cache"),
        ("REELWAY_MODERATION", "webhook:https://:hunter2@moderation.example/"),
        ("REELWAY_MODERATION", "https://:hunter2hunter2hunter2@moderation.example/"),
    ],
)
def test_a_refused_value_is_told_without_its_password(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name) as refused:
        load(tmp_path, {name: value})
    assert "hunter2" not in str(refused.value)


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    hook = "webhook:https://:hunter2hunter2hunter2@moderation.example/judge"
    shown = masked(
        load(tmp_path, {"REELWAY_REDIS_URL": "redis://app:hunter2@cache:6379/0", "REELWAY_MODERATION": hook})
    )
    assert shown["REELWAY_REDIS_URL"] == "redis://app:***@cache:6379/0"
    assert shown["REELWAY_MODERATION"] == "webhook:https://:***@moderation.example/judge"
