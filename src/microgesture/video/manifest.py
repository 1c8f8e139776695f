"""What the manifest of the crops says, in sentences."""

from collections.abc import Mapping
from typing import Any


def warnings(manifest: Mapping[str, Any]) -> list[str]:
    """What in a manifest is legal but should be looked at, one sentence each."""
    notes = []
    missing, unused = manifest["missing"], manifest["unused_videos"]
    if missing:
        first = ": ".join(next(iter(missing.items())))
        notes.append(
            f"{len(missing)} of {manifest['clips']} clips have no crops but black frames, which "
            f"no network on video is trained or validated with, such as {first}"
        )
    if unused:
        notes.append(f"{len(unused)} videos have no skeletons, the first is {unused[0]}")
    if manifest["frames_repeated"]:
        notes.append(
            f"{manifest['frames_repeated']} frames that are missing at the end of videos "
            "repeat the one before"
        )
    return notes + grouped(manifest["notes"])


def grouped(notes: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Notes of videos, one sentence for each kind."""
    said = []
    for kind in ("rate", "resolution", "rotation", "length", "damaged"):
        told = {video: one[kind] for video, one in notes.items() if kind in one}
        if told:
            video, text = next(iter(told.items()))
            more = f" (and {len(told) - 1} more videos)" if len(told) > 1 else ""
            said.append(f"{video}: {text}{more}")
    return said
