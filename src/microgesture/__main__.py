"""``python -m microgesture``: the same as the command ``microgesture``."""

from microgesture.cli.main import main

if __name__ == "__main__":
    main()
