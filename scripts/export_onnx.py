"""Write a trained model as ONNX, checked against torch."""

import argparse
import sys
from pathlib import Path

from microgesture.arguments import output_file
from microgesture.errors import run
from microgesture.export import export_onnx
from microgesture.variants import load_trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--out", type=output_file, required=True, help="ONNX file to write")
    args = parser.parse_args()

    difference = export_onnx(load_trained(args.model), args.out)
    print(f"{args.out}: logits within {difference:.1g} of torch's", file=sys.stderr)


if __name__ == "__main__":
    run(main)
