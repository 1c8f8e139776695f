"""Find the gestures of validation and test recordings, by all that validation chooses."""

import argparse
from pathlib import Path

from microgesture.data.classes import load_classes
from microgesture.inference.build import choose_device
from microgesture.online.detection_files import table
from microgesture.online.run import Stores, detect_temporal, detect_windows
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.online import DetectionStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_device_options, add_recording_options, output_folder
from microgesture.utils.errors import run
from microgesture.utils.files import write_json, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--scores", type=Path, help="scores of a classifier on windows")
    parser.add_argument("--model", type=Path, help="or the checkpoint of a trained detector")
    parser.add_argument("--input", type=Path, help="and the manifest of recordings")
    add_recording_options(parser)
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write")
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: DetectionStep = parse_option(DetectionStep, args.config)
    stores, names = Stores(args.recordings, args.skeletons), load_classes(args.classes)
    if args.scores is None:
        device = choose_device(args.device, args.threads)
        found = detect_temporal(config, args.model, args.input, stores, device)
        read = [args.model, args.input, args.input.with_suffix(".arrow")]
    else:
        found, read = detect_windows(config, args.scores, stores), [args.scores]
    fps = {one.recording: one.fps for one in stores.read()}
    write_text(args.out / "val.csv", table(found.val, names, fps))
    write_text(args.out / "test.csv", table(found.test, names, fps))
    write_json(args.out / "chosen.json", {"config": config.given(), **found.stated()})
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[*read, args.recordings, args.skeletons, args.classes],
        outputs=[args.out / name for name in ("val.csv", "test.csv", "chosen.json")],
    )


if __name__ == "__main__":
    run(main)
