"""Files that come with the package: layouts, keypoint formats and lists of classes."""

from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from microgesture.utils.errors import InputError


def resource_folder(kind: str) -> Path:
    """Folder of the files of a kind.

    Parameters
    ----------
    kind : {'layouts', 'keypoints', 'classes'}
        In a checkout, ``config/<kind>`` is a link to it.

    """
    # a folder inside of the package, in a wheel as in a checkout
    return Path(str(files("microgesture"))) / "resources" / kind


def resource_names(kind: str) -> list[str]:
    """Names of the files of a kind, sorted, without their ending."""
    return sorted(path.stem for path in resource_folder(kind).glob("*.yaml"))


def resource_file(kind: str, name: str | Path) -> Path:
    """A file of the user's, or one that comes with the package, by its name.

    Raises
    ------
    InputError
        When it is neither.

    """
    if Path(name).is_file():
        return Path(name)
    own = resource_folder(kind) / f"{name}.yaml"
    if own.is_file() and own.parent == resource_folder(kind):
        return own
    known = resource_names(kind)
    close = get_close_matches(str(name), known, n=1)
    asked = f"did you mean {close[0]}? " if close else ""
    raise InputError(
        f"{name}: is no file and none of the {kind} of the package; {asked}"
        f"expected a file or one of {', '.join(known)}"
    )
