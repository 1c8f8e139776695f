"""The one error type that is meant for the user, and how a script shows it."""

import sys
from collections.abc import Callable

AGAIN = "delete it and run snakemake with this file as its target"
"""What to do about a damaged result; as a target, it alone is made anew if it is the same."""


class InputError(Exception):
    """Something a user can mend: a file, a config entry or an option is not as it must be.

    The message names the file, the place in it, what was found, what was expected and what to do.
    """


def run(main: Callable[[], None]) -> None:
    """Run a script's ``main``; an `InputError` ends it with one line and exit status 2."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
