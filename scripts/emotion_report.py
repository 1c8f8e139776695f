"""Judge the emotion models, and write their table, page, figures and submission."""

import argparse
from pathlib import Path

from microgesture.data import paths
from microgesture.data.classes import load_classes
from microgesture.data.clip_file import Records
from microgesture.emotion.interviews import read_interviews
from microgesture.emotion.page import Found, write_results
from microgesture.emotion.results import read_fits
from microgesture.emotion.statistics import known_gestures
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.emotion import EmotionReportStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import read_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="what is shown, as JSON")
    parser.add_argument("--fits", type=Path, nargs="+", required=True, help="one file a part")
    parser.add_argument("--interviews", type=Path, required=True, help="CSV of interviews")
    parser.add_argument("--pictures", type=Path, required=True, help="manifest of the pictures")
    parser.add_argument("--skeletons", type=Path, required=True, help="skeleton store of clips")
    parser.add_argument("--classes", type=Path, required=True, help="YAML file of class names")
    parser.add_argument("--predictions", type=Path, help="instead of labels: what a model says")
    parser.add_argument("--out", type=output_folder, required=True, help="the results folder")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: EmotionReportStep = parse_option(EmotionReportStep, args.config)
    classes, stored = load_classes(args.classes), args.pictures.with_suffix(".arrow")
    found = Found(
        config,
        read_interviews(args.interviews),
        read_fits(args.fits),
        Records(stored),
        read_json(args.pictures),
        known_gestures(args.skeletons, classes, args.predictions),
        classes,
    )
    write_results(found, args.out)
    made = [paths.EMOTION_TABLE, paths.EMOTION_TABLE_CSV, paths.EMOTION_PAGE]
    made += [paths.EMOTION_PREDICTIONS, paths.EMOTION_SUBMISSION, paths.EMOTION_FIGURES]
    told = [args.predictions] if args.predictions else []
    inputs = [*args.fits, args.interviews, args.pictures, stored, args.skeletons, args.classes]
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[*inputs, *told],
        outputs=[args.out / name for name in made],
    )


if __name__ == "__main__":
    run(main)
