"""Generate the embedded data set, written as a MiGA 2025 release."""

import argparse
import json
from pathlib import Path

from microgesture.errors import run
from microgesture.synthetic.release import generate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, help="data.generate, as JSON")
    parser.add_argument("--out", type=Path, required=True, help="folder of the release")
    parser.add_argument("--workers", type=int, default=1, help="processes that generate")
    args = parser.parse_args()
    generate(args.config, args.out, args.workers)


if __name__ == "__main__":
    run(main)
