"""Write the page of all detectors, a stretch as an animation, and the challenge's files."""

import argparse
from pathlib import Path

from microgesture.data import paths
from microgesture.data.classes import load_classes
from microgesture.data.layouts import load_layout
from microgesture.data.store import iter_store
from microgesture.online.comparison import files_read, load_comparison
from microgesture.online.page import write_page, write_submission
from microgesture.online.segments import read_labelled
from microgesture.online.stretch import draw_stretch
from microgesture.provenance.record import add_record_option, write_record
from microgesture.settings.online import OnlineTableStep
from microgesture.settings.parse import parse_option
from microgesture.utils.cli import add_recording_options
from microgesture.utils.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="config slice, as JSON")
    parser.add_argument("--results", type=Path, required=True, help="folder with online/")
    add_recording_options(parser)
    parser.add_argument("--layout", type=Path, required=True, help="layout that is drawn")
    add_record_option(parser, __file__)
    args = parser.parse_args()

    config: OnlineTableStep = parse_option(OnlineTableStep, args.config)
    results, labelled = args.results, read_labelled(args.recordings, args.skeletons)
    compared = load_comparison(config, results, labelled, load_classes(args.classes))
    stretch = results / paths.ONLINE_STRETCH
    caption = draw_stretch(compared, iter_store(args.recordings), load_layout(args.layout), stretch)
    write_page(compared, results, stretch, caption)
    submitted = write_submission(compared, results, config.columns)
    figures = [results / paths.online_figure(name) for name in paths.ONLINE_FIGURES]
    write_record(
        args.record,
        __file__,
        config=config.given(),
        inputs=[
            *files_read(config, results),
            *figures,
            args.recordings,
            args.skeletons,
            args.classes,
            args.layout,
        ],
        outputs=[results / paths.ONLINE_PAGE, stretch, *submitted],
    )


if __name__ == "__main__":
    run(main)
