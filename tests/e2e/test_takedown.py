"""A video that was taken down stays down when somebody uploads it again, in whatever dress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.client import ApiProblem, Client
from tests.e2e.clips import render
from tests.e2e.conftest import SignIn
from tests.e2e.system import RunningSystem

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def uploading(client: Client, clip: Path) -> list[Mapping[str, Any]]:
    """The video as its creator sees it until its end."""
    created = client.create_upload(clip, "")
    client.send_file(created.location, clip, lambda _: None)
    return list(client.video_events(created.video_id))


def uploaded(client: Client, clip: Path) -> Mapping[str, Any]:
    return uploading(client, clip)[-1]


def a_clip(path: Path) -> Path:
    picture = "mandelbrot=size=180x320:rate=30:start_scale=0.4:end_scale=0.02:end_pts=200,scale=360:640"
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-t", "6")
    return render(path, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "aevalsrc='sin(900*t+9*sin(3*t))'", *codecs)


def test_the_mirrored_copy_of_a_taken_down_video_is_rejected_until_the_takedown_is_undone(
    mortal: RunningSystem, sign_in: SignIn, tmp_path: Path
) -> None:
    ann, bob = sign_in(mortal), sign_in(mortal)
    clip = a_clip(tmp_path / "clip.mp4")
    copy = render(tmp_path / "copy.mp4", "-i", str(clip), "-vf", "hflip,scale=270:480", "-crf", "30")
    first = uploaded(ann, clip)
    assert first["status"] == "ready"

    down = mortal.command("review", "takedown", first["id"], "--reason", "Stolen.")
    assert (down.returncode, down.stdout) == (0, f"{first['id']} is taken down\n")
    seen = ann.call("GET", f"/v1/videos/{first['id']}")
    assert (seen["status"], seen["failure"]["code"], seen["playback"]) == ("rejected", "taken_down", None)
    with pytest.raises(ApiProblem) as gone:
        bob.call("GET", f"/v1/videos/{first['id']}")
    assert gone.value.status == 404
    again = uploaded(bob, copy)
    assert (again["status"], again["failure"]["code"]) == ("rejected", "taken_down_before")

    undone = mortal.command("review", "takedown", "--undo", first["id"])
    assert undone.returncode == 0, undone.stderr
    assert ann.call("GET", f"/v1/videos/{first['id']}")["status"] == "ready"
    assert uploaded(bob, copy)["status"] == "ready"


def test_a_copy_behind_another_beginning_is_never_shown(mortal: RunningSystem, sign_in: SignIn, tmp_path: Path) -> None:
    ann, bob = sign_in(mortal), sign_in(mortal)
    clip = a_clip(tmp_path / "clip.mp4")
    first = uploaded(ann, clip)
    # With several rungs, of which the first would play before the whole clip's print is there.
    joined = "[0:v]scale=720:1280,fps=30,setsar=1[a];[1:v]scale=720:1280,fps=30,setsar=1[b];[a][b]concat=n=2[v]"
    intro = ("-f", "lavfi", "-t", "4", "-i", "testsrc2=size=360x640:rate=30")
    shape = ("-filter_complex", joined, "-map", "[v]", "-g", "30", "-pix_fmt", "yuv420p")
    copy = render(tmp_path / "copy.mp4", *intro, "-i", str(clip), *shape)
    shown = [video["status"] for video in uploading(bob, copy)]
    assert "playable" in shown
    assert shown[-1] == "ready"

    assert mortal.command("review", "takedown", first["id"], "--reason", "Stolen.").returncode == 0
    seen = uploading(bob, copy)
    assert (seen[-1]["status"], seen[-1]["failure"]["code"]) == ("rejected", "taken_down_before")
    assert "playable" not in [video["status"] for video in seen]
