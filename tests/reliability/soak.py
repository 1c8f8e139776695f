"""Kill the workflow at random moments, run it again, and compare with an undisturbed run.

    python -m tests.reliability.soak --kills 100

A round starts from nothing and is killed again and again, with everything it started, until it is
through. Then the finished project's config is edited, its rerun is killed, edited elsewhere, killed
again, and the edits are undone. Rounds follow until there were enough kills. Each must end with the
bytes of the undisturbed run, after the edits as before them.
"""

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from microgesture.utils.files import read_json
from tests.project import FEWER_ROWS, Project, edited

EPOCHS = 40
"""Enough that a training lasts some seconds, and has saved its state when it is killed."""

STAGES = [
    *[
        "synthesize",
        "skeletons",
        "prepare",
        "heatmaps",
        "label_embeddings",
        "train",
        "predict",
        "fuse",
    ],
    *["figures", "curves", "submission", "data_report", "robustness", "occlusion", "ablation"],
    "report",
]

EDITS: list[tuple[tuple[str, ...], object]] = [
    (("variants", "stgcn41_align", "training"), {"learning_rate": 0.01}),
    (("heatmaps", "sigma"), 0.7),
    (("align", "max_gap"), 2),
    (("testing", "views"), 1),
    (("fusions", "fused", "members", "stgcn41_align"), 3),
    (("data", "name"), "edited"),
]
"""Keys of the config, each of which another stage depends on first, and another value."""
EDITS_A_ROUND = 2


def alive(session: int) -> dict[int, str]:
    """Processes of a session by number, with their command lines.

    By session and not by parent: what a dead step leaves behind for a moment has no parent here.
    """
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:  # it ended meanwhile
                continue
            if int(stat[3]) == session and stat[0] != "Z":
                found[int(entry.name)] = command.decode(errors="replace")
    return found


def stages_of(processes: dict[int, str]) -> set[str]:
    """Stages whose scripts run."""
    commands = " ".join(processes.values())
    return {stage for stage in re.findall(r"scripts/(\w+)\.py", commands) if stage in STAGES}


class Soak:
    def __init__(self, project: Project, seed: int) -> None:
        self.project, self.rng = project, random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.count = self.resumes = self.edits = 0
        self.log = project.folder / "soak.log"

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                ["snakemake", "--cores", "2"],
                cwd=self.project.folder,
                env=self.project.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def disturbed_round(self, kills_wanted: int) -> None:
        """Run to the end through as many kills as come; stop killing when there were enough."""
        while True:
            process = self.start()
            if self.enough(kills_wanted):
                process.wait()
            else:
                self._kill_sometime(process)
            if process.returncode == 0:
                return
            if process.returncode > 0:
                raise SystemExit(f"the workflow failed:\n{self.log.read_text()[-4000:]}")

    def edited_round(self, kills_wanted: int) -> None:
        """Edit the config and kill the rerun a few times; then undo all and run to the end."""
        original = self.project.config
        for place, value in self.rng.sample(EDITS, EDITS_A_ROUND):
            self.project.write(edited(original, place, value))
            self.edits += 1
            process = self.start()
            self._kill_sometime(process)
            if process.returncode > 0:
                raise SystemExit(f"the edited workflow failed:\n{self.log.read_text()[-4000:]}")
        self.project.write(original)
        self.disturbed_round(kills_wanted)

    def _kill_sometime(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a step to run, then a little longer, and kill everything at once.

        Stages that were hit least are preferred: others are let pass now and then, or a round
        would never come to its later stages.
        """
        ended = time.monotonic() + 120
        passed: set[int] = set()
        while process.poll() is None and time.monotonic() < ended:
            processes = alive(process.pid).items()
            steps = {p: c for p, c in processes if "scripts/" in c and p not in passed}
            if steps and self.rng.random() < 0.6 / (1 + min(self._kills_at(steps), 8) / 4):
                time.sleep(self.rng.uniform(0, 2.5))
                self._kill_all(process)
                return
            passed |= steps.keys()
            time.sleep(0.02)
        process.wait()

    def _kills_at(self, steps: dict[int, str]) -> int:
        return min((self.kills[stage] for stage in stages_of(steps)), default=0)

    def _kill_all(self, process: subprocess.Popen[bytes]) -> None:
        stopped: dict[int, str] = {}
        # stop all first, or the parent sees a child die and cleans up
        while new := alive(process.pid).items() - stopped.items():
            for number, _ in new:
                self._send(number, signal.SIGSTOP)
            stopped |= new
        while left := alive(process.pid):
            for number in left:
                self._send(number, signal.SIGKILL)
            time.sleep(0.01)
        if process.wait() == -signal.SIGKILL:
            self.count += 1
            self.kills.update(stages_of(stopped) or {"between steps"})

    @staticmethod
    def _send(number: int, what: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, what)

    def enough(self, wanted: int) -> bool:
        return self.count >= wanted


def soak(folder: Path, kills: int, seed: int) -> tuple[Soak, int, int]:
    """Return what was done, the number of rounds, and the number of files that differ."""
    undisturbed = Project(folder / "undisturbed", EPOCHS, FEWER_ROWS)
    done = undisturbed.snakemake()
    if done.returncode:
        raise SystemExit(f"the undisturbed run failed:\n{done.stderr[-4000:]}")
    expected = undisturbed.hashes()
    work = Soak(Project(folder / "disturbed", EPOCHS, FEWER_ROWS), seed)
    rounds = mismatches = 0
    while not work.enough(kills):
        shutil.rmtree(work.project.folder / "results", ignore_errors=True)
        rounds += 1
        for kind, run in (("from nothing", work.disturbed_round), ("edited", work.edited_round)):
            run(kills)
            wrong = differing(expected, work.project.hashes())
            mismatches += len(wrong)
            for path in (work.project.folder / "results").glob("train/*/*/timing.json"):
                work.resumes += read_json(path)["resumed"]
            said = f"{work.count} kills so far, {len(wrong)} of {len(expected)} differ"
            print(f"round {rounds}, {kind}: {said}", flush=True)
            for name in wrong[:10]:
                print(f"  differs: {name}")
    return work, rounds, mismatches


def differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Names of results that are not the expected ones, or missing."""
    names = expected.keys() | found.keys()
    return sorted(name for name in names if expected.get(name) != found.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="microgesture-soak-") as folder:
        work, rounds, mismatches = soak(Path(folder), args.kills, args.seed)
    print(f"kills: {work.count} in {rounds} rounds, with {work.edits} edits of a finished project")
    for stage in [*STAGES, "between steps"]:
        print(f"  during {stage}: {work.kills[stage]}")
    print(f"trainings resumed in the middle: {work.resumes}")
    print(f"mismatches: {mismatches} files")
    sys.exit(mismatches > 0)


if __name__ == "__main__":
    main()
