"""Show sliding windows of validation and test recordings to a trained classifier."""

import argparse
from pathlib import Path

from microgesture.data.recordings import keep_splits
from microgesture.data.store import iter_store
from microgesture.inference.build import choose_device, load_trained
from microgesture.online.classify import write_scores
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.online import ScoresStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_device_options, output_file
from microgesture.utils.errors import run
from microgesture.utils.progress import progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint of the classifier")
    parser.add_argument("--recordings", type=Path, required=True, help="store of whole recordings")
    parser.add_argument("--out", type=output_file, required=True, help="file of scores to write")
    add_device_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: ScoresStep = parse_option(ScoresStep, args.config)
    device = choose_device(args.device, args.threads)
    trained = load_trained(args.model)
    trained.model.to(device)
    recordings = keep_splits(iter_store(args.recordings), ("val", "test"))
    write_scores(args.out, trained, progress(recordings, "recordings"), config)
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[args.model, args.recordings],
        outputs=[args.out],
    )


if __name__ == "__main__":
    run(main)
