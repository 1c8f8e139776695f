"""Write a trained model as ONNX, checked against torch."""

import argparse
import sys
from pathlib import Path

from microgesture.inference.build import load_trained
from microgesture.inference.onnx import export_onnx
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--out", type=output_file, required=True, help="ONNX file to write")
    parser.add_argument(
        "--input",
        type=Path,
        help="manifest of prepared clips to compare on; made-up figures unless given",
    )
    args = parser.parse_args()

    difference = export_onnx(load_trained(args.model), args.out, args.input)
    print(f"{args.out}: {difference}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
