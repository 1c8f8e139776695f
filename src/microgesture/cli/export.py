"""Write a trained model as ONNX, checked against torch.

The network goes from the prepared input (heatmaps, or keypoints in -1 to 1) to the logits. Needs
the extra onnx: pip install 'microgesture[onnx]'.
"""

import argparse
import sys
from pathlib import Path

from microgesture.utils.cli import output_file

SUMMARY = "write a trained model as ONNX, checked against torch"
EXAMPLE = """  microgesture export --model results/train/joint41_align/seed0/model.safetensors \\
      --out joint41.onnx"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the subcommand."""
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--out", type=output_file, required=True, help="ONNX file to write")
    parser.add_argument(
        "--input",
        type=Path,
        nargs="+",
        default=[],
        help="manifest of prepared clips, or of each source's tokens, to compare on; made-up "
        "figures unless given",
    )


def run(args: argparse.Namespace) -> None:
    """Export the model and say how far both differ."""
    from microgesture.inference.build import load_trained
    from microgesture.inference.onnx import export_onnx

    difference = export_onnx(load_trained(args.model), args.out, args.input)
    print(f"{args.out}: {difference}", file=sys.stderr)
