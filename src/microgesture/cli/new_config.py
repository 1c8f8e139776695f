"""Look at a data set and write a first config for it, which can be run.

The format is told by the names of the files; frame rate, size, classes and splits are taken from
the files as far as they say them, and what is guessed has a comment. Run it in the checkout.
"""

import argparse
import re
import sys
from pathlib import Path

from microgesture.utils.cli import count, output_file, positive

SUMMARY = "look at a data set and write a first config"
EXAMPLE = """  microgesture new-config data/mine --out config/mine.yaml
  microgesture new-config data/words --fps 30 --height 1080 --width 1920 --out config/words.yaml"""
DEFAULT = Path("config/config.yaml")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("data", type=Path, help="folder or file of the data set")
    parser.add_argument("--out", type=output_file, required=True, help="config to write (.yaml)")
    parser.add_argument("--name", help="what the data are called (that of the file or folder)")
    parser.add_argument("--fps", type=positive, help="frames a second, where no file says it")
    parser.add_argument("--height", type=count, help="of the picture, where no file says it")
    parser.add_argument("--width", type=count, help="of the picture, where no file says it")


def run(args: argparse.Namespace) -> None:
    """Write the config, and its classes where the package has none for them."""
    from microgesture.readers.look import look
    from microgesture.utils.errors import InputError
    from microgesture.utils.files import write_text
    from microgesture.workflow.check_file import check_text, need_checkout
    from microgesture.workflow.new_config import check_videos, config_text, own_classes

    need_checkout()
    if args.out.exists() or args.out.suffix not in (".yaml", ".yml"):
        why = "is there already" if args.out.exists() else "is no .yaml"
        raise InputError(f"--out: {args.out} {why}; give another name")
    given = {key: getattr(args, key) for key in ("fps", "height", "width")}
    found = look(
        inside_checkout(args.data),
        {key: value for key, value in given.items() if value is not None},
    )
    check_videos(found)
    stem = re.sub(r"[^A-Za-z0-9_-]", "_", args.out.stem)
    classes = args.out.with_name(f"{args.out.stem}_classes.yaml")
    if found.class_file:
        classes = Path(f"config/classes/{found.class_file}.yaml")
    elif classes.exists():
        raise InputError(f"{classes} is there already, for the classes; give --out another name")
    else:
        write_text(classes, own_classes(found.class_names))
    text = config_text(
        found,
        name=args.name or args.data.resolve().stem,
        results=f"results/{stem.lstrip('-')}",
        classes=str(classes),
        default=DEFAULT.read_text(encoding="utf-8"),
        command=f"snakemake --cores 8 --configfile {args.out}",
    )
    try:
        check_text(text, str(args.out))
    except InputError:
        if not found.class_file:
            classes.unlink()
        raise
    write_text(args.out, text)
    if found.bad:
        print(f"note: {found.bad}", file=sys.stderr)
    guessed = [key for key, why in found.said.items() if "check" in why]
    check = f"; check {', '.join(guessed)}, which no file says" if guessed else ""
    print(f"{args.out}: {found.data['format']}, {len(found.class_names)} classes{check}")
    print(f"next: snakemake -n --cores 8 --configfile {args.out}")


def inside_checkout(path: Path) -> Path:
    """A path relative to the checkout where it lies in it, else the whole path."""
    whole = path.absolute()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole
