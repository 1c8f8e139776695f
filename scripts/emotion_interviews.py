"""Join whole recordings with their outcomes, and deal them to folds."""

import argparse
from pathlib import Path

from microgesture.data.store import read_index
from microgesture.emotion.folds import dealt
from microgesture.emotion.interviews import join, read_stated, write_interviews
from microgesture.provenance.raw_data import listed
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.emotion import InterviewStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import output_file
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="tables of outcomes and folds, as JSON")
    parser.add_argument("--recordings", type=Path, required=True, help="recordings store")
    parser.add_argument("--out", type=output_file, required=True, help="CSV file to write")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: InterviewStep = parse_option(InterviewStep, args.config)
    index = read_index(args.recordings)
    people = zip(index["subject"], index["split"], strict=True)
    recordings = dict(zip(index["clip_id"], people, strict=True))
    stated = [one for path in config.labels for one in read_stated(Path(path))]
    interviews = dealt(join(recordings, stated), config.protocol, config.folds, config.seed)
    write_interviews(args.out, interviews)
    made, raw = listed(args.record, config.files())
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[args.recordings, *made],
        outputs=[args.out],
        raw=raw,
    )


if __name__ == "__main__":
    run(main)
