"""What clients and operators get wrong: each gets a clear answer, and the system goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.client import ApiProblem
from tests.e2e.clips import moving, render
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def _failure(system: RunningSystem, sign_in: SignIn, clip: Path) -> tuple[str, str]:
    client = sign_in(system)
    created = client.create_upload(clip, "")
    client.send_file(created.location, clip, lambda _: None)
    last = {}
    for document in client.video_events(created.video_id):
        last = dict(document)
    assert last["status"] in {"failed", "rejected"}, last
    assert last["failure"]["detail"]
    return str(last["status"]), str(last["failure"]["code"])


def test_a_file_that_is_no_video_is_refused_at_its_first_bytes(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    text = tmp_path / "notes.mp4"
    text.write_bytes(b"dear diary, " * 100_000)
    assert _refusal(system, sign_in, text) == (415, "not_a_video")


def test_an_upload_over_the_size_limit_is_refused_before_it_is_sent(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as sparse:
        sparse.truncate(300 << 20)
    with pytest.raises(ApiProblem) as refused:
        sign_in(system).create_upload(huge, "")
    assert refused.value.status == 413


def _refusal(system: RunningSystem, sign_in: SignIn, clip: Path) -> tuple[int, str]:
    client = sign_in(system)
    created = client.create_upload(clip, "")
    with pytest.raises(ApiProblem) as refused:
        client.send_file(created.location, clip, lambda _: None)
    assert str(refused.value)
    return refused.value.status, refused.value.code


def test_a_clip_over_sixty_seconds_is_refused_while_it_arrives(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    clip = moving(tmp_path / "long.mp4", "128x128", 75)
    assert _refusal(system, sign_in, clip) == (422, "too_long")


def test_a_truncated_clip_fails_with_its_reason(system: RunningSystem, sign_in: SignIn, tmp_path: Path) -> None:
    whole = moving(tmp_path / "whole.mp4", "360x640", 4, "-movflags", "+faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    assert _failure(system, sign_in, cut) == ("failed", "truncated")


def test_an_audio_only_file_is_refused_while_it_arrives(system: RunningSystem, sign_in: SignIn, tmp_path: Path) -> None:
    sound = render(tmp_path / "sound.mp4", "-f", "lavfi", "-i", "sine=duration=3", "-c:a", "aac")
    assert _refusal(system, sign_in, sound) == (422, "no_video_track")


def test_a_script_that_names_another_file_is_never_followed(
    system: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    secret = moving(tmp_path / "secret.mp4", "128x128", 2)
    script = tmp_path / "script.mp4"
    script.write_bytes(f"ffconcat version 1.0\nfile {secret}\n".encode() + b"#" * 5000)
    assert _refusal(system, sign_in, script) == (415, "not_a_video")


def start_that_ends(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`reelway up` where it cannot run; fails if it does."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "reelway"), "up"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_start_on_the_same_ports_says_which_port_is_taken(system: RunningSystem, tmp_path: Path) -> None:
    environment = system.environment() | {"REELWAY_DATA": str(tmp_path / "other")}
    done = start_that_ends(environment, tmp_path)
    assert done.returncode == 1
    # The admin address is the first that is listened on.
    assert str(system.admin_port) in done.stderr
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_setting_stops_the_start_with_exit_code_2(tmp_path: Path) -> None:
    environment = {**os.environ, "REELWAY_COLOUR": "red"}
    done = start_that_ends(environment, tmp_path)
    assert done.returncode == 2
    assert "REELWAY_COLOUR" in done.stderr


def test_a_second_process_on_the_same_data_folder_is_told_so(system: RunningSystem, tmp_path: Path) -> None:
    other = RunningSystem(system.data_folder)
    done = start_that_ends(other.environment(), tmp_path)
    assert done.returncode == 1
    assert "data folder" in done.stderr
