"""Draw the figures that go with the ablation table."""

import argparse

from microgesture.data.classes import load_classes
from microgesture.data.paths import FIGURES
from microgesture.evaluation.load import files_read, load_evaluation
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.parse import parse_option
from microgesture.settings.results import FiguresStep
from microgesture.utils.cli import output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import read_json
from microgesture.viz.ablation import plot_ablation, plot_confusion, plot_recall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        required=True,
        help="JSON text or file: seeds, variants, fusions, data_format, submission",
    )
    parser.add_argument("--results", required=True, help="folder with predict/ and train/")
    parser.add_argument("--classes", required=True, help="list of classes (YAML)")
    parser.add_argument("--summary", required=True, help="summary.json of the skeletons")
    parser.add_argument(
        "--out-dir", type=output_folder, required=True, help="folder for the PNG and PDF files"
    )
    add_record_option(parser, __file__)
    options = parser.parse_args()
    config = parse_option(FiguresStep, options.config)
    summary = read_json(options.summary)
    evaluation = load_evaluation(config, options.results, load_classes(options.classes), summary)
    generated = config.data_format == "synthetic"
    out_dir = options.out_dir
    plot_ablation(evaluation, out_dir / "ablation.png", generated)
    plot_recall(evaluation, out_dir / "per_class_recall.png", generated)
    plot_confusion(evaluation, out_dir / "confusion.png", generated, config.submission)
    write_record(
        options.record,
        __file__,
        config=config.given(),
        inputs=[*files_read(config, options.results), options.classes, options.summary],
        outputs=[out_dir / f"{name}.{kind}" for name in FIGURES for kind in ("png", "pdf")],
    )


if __name__ == "__main__":
    run(main)
