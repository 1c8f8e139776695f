"""Write the ablation table of all variants, fusions and claims."""

import argparse

from microgesture.claims import judge_claims
from microgesture.classes import load_classes
from microgesture.dvcmetrics import table_metrics
from microgesture.errors import run
from microgesture.evaluation import load_evaluation, parse_config
from microgesture.files import read_json, write_json, write_text
from microgesture.tables import csv_text, markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config",
        required=True,
        help="JSON text or file: seeds, variants, fusions, claims, data_name, data_format",
    )
    parser.add_argument("--results", required=True, help="folder with predict/ and train/")
    parser.add_argument("--classes", required=True, help="list of classes (YAML)")
    parser.add_argument("--summary", required=True, help="summary.json of the skeleton step")
    parser.add_argument("--out-md", required=True, help="table to read")
    parser.add_argument("--out-csv", required=True, help="table to compute with")
    parser.add_argument("--out-json", help="scores by row, as DVC compares them")
    options = parser.parse_args()
    config = parse_config(options.config)
    evaluation = load_evaluation(config, options.results, load_classes(options.classes))
    claims = judge_claims(evaluation, config.get("claims") or [])
    write_text(options.out_md, markdown(evaluation, claims, config, read_json(options.summary)))
    write_text(options.out_csv, csv_text(evaluation))
    if options.out_json:
        write_json(options.out_json, table_metrics(evaluation))


if __name__ == "__main__":
    run(main)
