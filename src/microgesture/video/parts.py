"""Parts of what is cut out of videos, kept in files from which a killed run goes on.

A part is a record file, and beside it what was noted, which is written last and says that the other
is whole.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microgesture.data.clip_file import Records
from microgesture.utils.checksums import json_fault, sealed_json
from microgesture.utils.errors import InputError
from microgesture.utils.files import quick_hash, write_text


def part_name(*told: Any) -> str:
    """Hash of all that a part depends on, which names its files."""
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def video_state(path: Path) -> list[Any]:
    """By what a video is known again: its path, content and time of change."""
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return [str(path), quick_hash([path]), changed]


def read_part(part: Path, keys: set[str]) -> tuple[dict[str, Any], Records] | None:
    """What was noted of a part, and its records; None where either is missing or damaged."""
    try:
        text = part.with_suffix(".json").read_bytes()
        if json_fault(text, keys):
            return None
        return json.loads(text), Records(part)
    except (OSError, InputError):
        return None


def seal_part(part: Path, noted: Mapping[str, Any]) -> None:
    """Say that a part's records are whole, and what was noted."""
    write_text(part.with_suffix(".json"), sealed_json(dict(noted)))
