"""Packages that only some steps need."""

import importlib.util

from microgesture.utils.errors import InputError


def need_video_packages(place: str) -> None:
    """Refuse a part of a config that needs the extra `video` where that is not installed.

    Raises
    ------
    InputError

    """
    missing = [name for name in ("av", "cv2") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{place} needs {' and '.join(missing)}, which this environment lacks; "
            "pip install 'microgesture[video]', or leave video out"
        )
