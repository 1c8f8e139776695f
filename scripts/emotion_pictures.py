"""Cut faces and context frames out of the videos of whole recordings."""

import argparse
from pathlib import Path

from microgesture.emotion.pictures import make_pictures, tell
from microgesture.provenance.code_hash import code_version
from microgesture.provenance.raw_data import listed
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.emotion import PicturesStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_cutting_options
from microgesture.utils.errors import run
from microgesture.utils.files import sha256, write_json
from microgesture.utils.progress import progress
from microgesture.video.sources import video_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="windows, sizes and videos, as JSON")
    parser.add_argument("--recordings", type=Path, required=True, help="recordings store")
    add_cutting_options(parser)
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: PicturesStep = parse_option(PicturesStep, args.config)
    code, parts = code_version(__file__), args.resume / "emotion_pictures"
    made_of = args.recordings, config, args.out, parts, code
    manifest = make_pictures(*made_of, args.workers, progress)
    about = {"recordings_sha256": sha256(args.recordings), "code_version": code}
    write_json(args.manifest, {**manifest, **about})
    tell(manifest)
    made, raw = listed(args.record, video_files(config.video))
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[args.recordings, *made],
        outputs=[args.out, args.manifest],
        raw=raw,
        known={args.out: manifest["sha256"]},
    )


if __name__ == "__main__":
    run(main)
