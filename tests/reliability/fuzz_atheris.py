"""Coverage-guided fuzzing of the readers of JSON, CSV and pickles.

    python -m tests.reliability.fuzz_atheris json FOLDER -max_total_time=60

FOLDER keeps the inputs that reached new code, and a file ``crash-*`` with the bytes for which a
reader failed with anything but the project's own error; the status is 0 where there is none.
What follows FOLDER are options of libFuzzer.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["microgesture", "pickletools"]):
    import pickletools  # noqa: F401


from tests.reliability.targets import make_targets

TARGETS = {
    "json": "json",
    "table": "label table",
    "csv": "plain csv",
    "pickle": "pickle",
    "labels": "label pickle",
}


def main() -> None:
    name, place, *options = sys.argv[1:]
    folder = Path(place).resolve()
    target = make_targets(folder / "sets")[TARGETS[name]]
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    (corpus / "valid").write_bytes(target.valid)
    # inputs much longer than a valid file find nothing more
    limits = [f"-max_len={2 * len(target.valid)}", "-timeout=10", "-rss_limit_mb=2048"]
    place_of_crashes = f"-artifact_prefix={folder}/"
    atheris.Setup([sys.argv[0], *limits, place_of_crashes, *options, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
