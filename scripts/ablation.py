"""Write the ablation table of all variants, fusions and claims."""

import argparse

from microgesture.data.classes import load_classes
from microgesture.evaluation.claims import judge_claims
from microgesture.evaluation.load import files_read, load_evaluation
from microgesture.provenance.record import add_record_option, write_record
from microgesture.report.ablation_table import claims_csv, csv_text, markdown
from microgesture.report.dvc import table_metrics
from microgesture.settings.parse import parse_option
from microgesture.settings.results import TableStep
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run
from microgesture.utils.files import read_json, write_json, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        required=True,
        help="JSON text or file: seeds, folds, variants, fusions, claims, data_name, data_format",
    )
    parser.add_argument("--results", required=True, help="folder with predict/ and train/")
    parser.add_argument("--classes", required=True, help="list of classes (YAML)")
    parser.add_argument("--summary", required=True, help="summary.json of the skeleton step")
    parser.add_argument("--out-md", type=output_file, required=True, help="table to read")
    parser.add_argument("--out-csv", type=output_file, required=True, help="table to compute with")
    parser.add_argument(
        "--out-json", type=output_file, required=True, help="scores by row, as DVC compares them"
    )
    parser.add_argument(
        "--out-claims", type=output_file, required=True, help="claims to compute with (CSV)"
    )
    add_record_option(parser, __file__)
    options = parser.parse_args()
    config = parse_option(TableStep, options.config)
    summary = read_json(options.summary)
    classes = load_classes(options.classes)
    evaluation = load_evaluation(config, options.results, classes, summary)
    claims = judge_claims(evaluation, config.claims)
    write_text(options.out_md, markdown(evaluation, claims, config, summary))
    write_text(options.out_csv, csv_text(evaluation))
    write_json(options.out_json, table_metrics(evaluation))
    write_text(options.out_claims, claims_csv(evaluation, claims))
    write_record(
        options.record,
        __file__,
        config=config.given(),
        inputs=[*files_read(config, options.results), options.classes, options.summary],
        outputs=[options.out_md, options.out_csv, options.out_json, options.out_claims],
    )


if __name__ == "__main__":
    run(main)
