"""Share of false verdicts, and of right ones, of claims about made-up rows whose truth is known.

    python benchmarks/verdicts.py [--repeats 2000] [--out tables.md]

Two rows are tested on the same clips of the same people. A row is right about a clip where the
sum of these is above 0: its seed's true accuracy, how hard the person and the clip are (the same
for both rows), how well the row suits the person and the clip, how well the seed suits the person,
and chance. All but the first are normal; accuracies of seeds are normal, too. The tables stand in
`docs/statistics.md`; one core, about ten minutes.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.special import ndtri
from scipy.stats import t as student

from microgesture.evaluation.claims import MIN_SUBJECTS
from microgesture.evaluation.paired import left_out_scores, variance_parts
from microgesture.evaluation.rows import Row
from microgesture.utils.text import markdown_table

SPREADS = (0, 2, 5, 10)
SEEDS = (2, 3, 5, 10)
PEOPLE_AND_CLIPS = (
    (1, 100), (1, 650), (1, 5000), (3, 400), (5, 100), (5, 1000), (8, 400), (20, 400), (20, 5000),
    (70, 1000), (70, 5000),
)  # fmt: skip
_CLASSES = 10
_CHUNK = 50  # tables that share the clips of each person


@dataclass(frozen=True)
class Setting:
    """What is made up: ``spread``, ``gain``, ``person``, ``accuracy`` in points.

    ``spread``: standard deviation between seeds of a row's true accuracy; ``gain``: how much
    better the first row is; ``person``: standard deviation between people of what a row gains
    there; ``sizes``: standard deviation of the logarithm of a person's number of clips; ``folds``:
    every fold of people has networks of its own; ``steady``: the second row's seeds are alike.
    """

    seeds: int = 3
    people: int = 8
    clips: int = 400
    spread: float = 2
    sizes: float = 0
    gain: float = 0
    person: float = 3
    accuracy: float = 75
    folds: int = 1
    steady: bool = False
    metric: str = "top1"


def sizes_of(setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """Clips of each person, at least one."""
    shares = np.exp(setting.sizes * rng.standard_normal(setting.people))
    return np.maximum(1, np.round(shares / shares.sum() * setting.clips)).astype(int)


def make_correct(setting: Setting, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which clips each row and seed gets right, bool (2, S, N), clips ordered by person."""
    people, clips = len(sizes), sizes.sum()
    who = np.repeat(np.arange(people), sizes)
    total = np.sqrt(
        2.5 + 0.25 + 0.01
    )  # chance 1, clip 1, row and clip 0.5; person; seed and person
    slope = np.exp(-(ndtri(setting.accuracy / 100) ** 2) / 2) / np.sqrt(2 * np.pi) / total
    suits = rng.normal(0, setting.person / 100 / slope, (2, people))
    if people < MIN_SUBJECTS:  # a verdict on these people: they do not differ on the whole
        suits -= (suits * sizes / clips).sum(axis=1, keepdims=True)
    hard = rng.standard_normal(clips, dtype=np.float32) + 0.5 * rng.standard_normal(people)[who]
    fold = (np.arange(people) % setting.folds)[who]
    correct = np.empty((2, setting.seeds, clips), dtype=bool)
    for row in range(2):
        spread = 0.0 if setting.steady and row else setting.spread
        goal = setting.accuracy + (setting.gain if row == 0 else 0)
        truth = goal + spread * rng.standard_normal((setting.seeds, setting.folds))
        level = (total * ndtri(np.clip(truth / 100, 0.01, 0.99))).astype(np.float32)
        own = hard + np.sqrt(0.5) * rng.standard_normal(clips, dtype=np.float32) + suits[row][who]
        score = rng.standard_normal((setting.seeds, clips), dtype=np.float32)
        score += own.astype(np.float32)
        score += (0.1 * rng.standard_normal((setting.seeds, people), dtype=np.float32))[:, who]
        score += level[:, fold] if setting.folds > 1 else level
        correct[row] = score > 0
    return correct


def groups_of(sizes: np.ndarray) -> np.ndarray:
    """Sizes of the groups that are the sample: people, or clips where people are too few."""
    return sizes if len(sizes) >= MIN_SUBJECTS else np.ones(sizes.sum(), dtype=int)


def gains_top1(correct: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Difference in points on all clips, (S,), and without each group, (S, G)."""
    better = correct[0].astype(np.int8) - correct[1]
    starts = np.concatenate([[0], np.cumsum(groups)[:-1]])
    of_group = np.add.reduceat(better, starts, axis=1, dtype=np.int64)
    total = of_group.sum(axis=1)
    return 100 * total / groups.sum(), 100 * (total[:, None] - of_group) / (groups.sum() - groups)


def gains_by_class(
    correct: np.ndarray, groups: np.ndarray, metric: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same of a score by class: ten classes, the first ten times as frequent as the last."""
    clips = correct.shape[2]
    labels = rng.choice(_CLASSES, clips, p=(odds := np.geomspace(10, 1, _CLASSES)) / odds.sum())
    wrong = (labels + rng.integers(1, _CLASSES, correct.shape)) % _CLASSES
    group = np.repeat(np.arange(len(groups)), groups)
    full, left_out = [], []
    for told in np.where(correct, labels, wrong):
        shares = np.eye(_CLASSES, dtype=np.float32)[told]
        row = Row("r", "r", "m", labels, shares, 1, (1.0,) * len(told))
        full.append(row.scores[metric])
        left_out.append(left_out_scores(row, metric, group))
    return full[0] - full[1], left_out[0] - left_out[1]


def simulate(setting: Setting, repeats: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Differences (R, S), the same without each group (R, S, G) and group sizes, in chunks."""
    text = repr(setting).encode()
    rng = np.random.default_rng(np.frombuffer(text, dtype=np.uint8))
    for start in range(0, repeats, _CHUNK):
        sizes = sizes_of(setting, rng)
        groups = groups_of(sizes)
        made = []
        for _ in range(min(_CHUNK, repeats - start)):
            correct = make_correct(setting, sizes, rng)
            made.append(
                gains_top1(correct, groups)
                if setting.metric == "top1"
                else gains_by_class(correct, groups, setting.metric, rng)
            )
        gains, left_out = (np.stack(each) for each in zip(*made, strict=True))
        yield gains, left_out, groups


def by_interval(gains: np.ndarray, left_out: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Whether each is decided, as the project does it."""
    return np.abs(gains.mean(axis=1)) > variance_parts(gains, left_out, groups).half_width()


def by_satterthwaite(gains: np.ndarray, left_out: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The same parts added up, with Satterthwaite's degrees of freedom (1946)."""
    seeds, num = gains.shape[1], len(groups)
    change = left_out - gains[..., None]
    mean = change.mean(axis=1)
    share = (num - 1) / num
    of_seeds = gains.var(axis=1, ddof=1) / seeds
    of_groups = share * (mean**2).sum(axis=1)
    shared = share * ((change - mean[:, None]) ** 2).sum(axis=(1, 2)) / (seeds * (seeds - 1))
    more = of_groups > shared
    variance = of_seeds + np.where(more, of_groups - shared, 0)
    spent = of_groups**2 / (num - 1) + shared**2 / ((seeds - 1) * (num - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        df = variance**2 / (of_seeds**2 / (seeds - 1) + np.where(more, spent, 0))
        return np.abs(gains.mean(axis=1)) > np.sqrt(variance) * student.isf(0.025, df)


def by_bootstrap(gains: np.ndarray, left_out: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Percentile interval of 1000 resamples of groups and seeds (Owen 2007)."""
    rng = np.random.default_rng(1)
    seeds, num = gains.shape[1], len(groups)
    total = groups.sum()
    sums = gains[..., None] * total - left_out * (total - groups)
    drawn = rng.multinomial(num, np.full(num, 1 / num), 1000)
    share = rng.multinomial(seeds, np.full(seeds, 1 / seeds), 1000) / seeds
    clips = drawn @ groups
    means = np.stack([((one @ drawn.T) * share.T).sum(axis=0) / clips for one in sums])
    low, high = np.percentile(means, [2.5, 97.5], axis=1)
    return (low > 0) | (high < 0)


def percent(setting: Setting, repeats: int, decide=by_interval) -> str:
    """Share of tables in which the two rows were told apart."""
    decided = np.concatenate([decide(*chunk) for chunk in simulate(setting, repeats)])
    return f"{100 * decided.mean():.1f}"


def about(setting: Setting) -> list[str]:
    sizes = "unequal" if setting.sizes else "equal"
    people = str(setting.people)
    return [str(setting.seeds), people, f"{setting.clips:,}", sizes if setting.people > 1 else "–"]


def false_verdicts(repeats: int) -> str:
    lines = []
    for seeds in SEEDS:
        for people, clips in PEOPLE_AND_CLIPS:
            for sizes in (0, 0.7) if people >= MIN_SUBJECTS else (0,):
                setting = Setting(seeds, people, clips, sizes=sizes)
                rates = [percent(replace(setting, spread=one), repeats) for one in SPREADS]
                lines.append([*about(setting), *rates])
    head = ["Seeds", "People", "Clips", "Clips a person", *(f"{one} points" for one in SPREADS)]
    return markdown_table(head, lines, "rrrlrrrr")


OTHERS = {
    "people alike (0 points between them)": {"person": 0},
    "people differ by 10 points": {"person": 10},
    "second row's seeds all alike": {"steady": True},
    "4 folds of people, networks of their own": {"folds": 4},
    "every person a fold": {"folds": 8},
    "95 % accuracy": {"accuracy": 95},
    "mean class accuracy, 10 classes": {"metric": "mean_class"},
    "macro F1, 10 classes": {"metric": "macro_f1"},
    "numbers of clips very unequal (2 for 0.7)": {"sizes": 2.0},
}


def other_settings(repeats: int) -> str:
    lines = []
    for name, changed in OTHERS.items():
        rates = [
            percent(Setting(seeds=seeds, spread=spread, **changed), repeats)
            for seeds in (2, 3, 5)
            for spread in (0, 5)
        ]
        lines.append([name, *rates])
    head = ["8 people, 400 clips", *(f"{s} seeds, {p} points" for s in (2, 3, 5) for p in (0, 5))]
    return markdown_table(head, lines, "lrrrrrr")


def methods(repeats: int) -> str:
    lines = []
    for setting in (
        Setting(2, 8, 400, 2), Setting(2, 8, 400, 5), Setting(2, 3, 400, 5),
        Setting(2, 70, 1000, 5, sizes=0.7), Setting(3, 1, 650, 5), Setting(3, 6, 650, 5),
        Setting(3, 20, 1000, 10), Setting(3, 20, 1000, 0), Setting(5, 8, 400, 2, sizes=0.7),
        Setting(10, 70, 5000, 2), Setting(10, 5, 1000, 0, sizes=0.7),
    ):  # fmt: skip
        rates = [
            percent(setting, repeats, one) for one in (by_bootstrap, by_satterthwaite, by_interval)
        ]
        lines.append([*about(setting), f"{setting.spread:g}", *rates])
    head = ["Seeds", "People", "Clips", "Clips a person", "Points", "Bootstrap", "Satterthwaite"]
    return markdown_table([*head, "Here"], lines, "rrrlrrrr")


def power(repeats: int) -> str:
    lines = []
    for seeds in (2, 3, 5, 10):
        for people, clips in ((1, 650), (8, 400), (20, 1000), (70, 5000)):
            rates = [
                percent(Setting(seeds, people, clips, spread, gain=gain), repeats)
                for spread in (1, 4)
                for gain in (2, 5, 10)
            ]
            lines.append([str(seeds), str(people), f"{clips:,}", *rates])
    head = ["Seeds", "People", "Clips", *(f"{g} at {s}" for s in (1, 4) for g in (2, 5, 10))]
    return markdown_table(head, lines, "rrrrrrrrr")


PARTS = {
    "False verdicts": (false_verdicts, 1.0),
    "Other settings": (other_settings, 1.0),
    "Methods": (methods, 0.5),
    "Power": (power, 0.25),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--out", type=Path, help="Markdown with the tables; else they are printed")
    args = parser.parse_args()
    text = "\n".join(
        f"## {name}\n\n{table(round(args.repeats * share))}\n"
        for name, (table, share) in PARTS.items()
    )
    if args.out:
        args.out.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
