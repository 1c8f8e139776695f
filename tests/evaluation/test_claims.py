"""Claims: the interval against slow references and a simulation, and the verdict's rules."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, ttest_1samp
from scipy.stats import t as student
from sklearn.metrics import balanced_accuracy_score, f1_score

from benchmarks.verdicts import Setting, gains_top1, groups_of, make_correct, simulate, sizes_of
from microgesture.evaluation.claims import Claim, Comparison, majority_p, mcnemar, sampled_groups
from microgesture.evaluation.paired import Parts, holm, left_out_scores, variance_parts
from microgesture.evaluation.rows import Evaluation, Row
from microgesture.utils.errors import InputError
from tests.sections import judge_claims


def slow_half_width(gain):
    """Of S x G equal groups, by the mean squares of a two-way analysis of variance."""
    seeds, groups = gain.shape
    of_seeds, of_groups, mean = gain.mean(axis=1), gain.mean(axis=0), gain.mean()
    ms_seeds = groups * sum((one - mean) ** 2 for one in of_seeds) / (seeds - 1)
    ms_groups = seeds * sum((one - mean) ** 2 for one in of_groups) / (groups - 1)
    rest = [
        (gain[s, g] - of_seeds[s] - of_groups[g] + mean) ** 2
        for s in range(seeds)
        for g in range(groups)
    ]
    ms_rest = sum(rest) / ((seeds - 1) * (groups - 1))
    t_seeds, t_groups = student.ppf(0.975, seeds - 1), student.ppf(0.975, groups - 1)
    if seeds <= groups:
        ms_groups = max(ms_groups - ms_rest, 0)
    else:
        ms_seeds = max(ms_seeds - ms_rest, 0)
    return np.sqrt((t_seeds**2 * ms_seeds + t_groups**2 * ms_groups) / (seeds * groups))


def parts_of(gain, groups):
    """Parts of the mean of ``gain``, points (S, N), by leaving out one group after the other."""
    left_out = np.stack(
        [[one[groups != group].mean() for group in range(groups.max() + 1)] for one in gain]
    )
    return variance_parts(gain.mean(axis=1), left_out, np.bincount(groups))


def comparison(low, high):
    return Comparison("a", "b", (low + high) / 2, low, high)


def row(name, correct, labels):
    """Build a row whose probabilities are right exactly where ``correct`` (S, N) says so."""
    told = np.where(correct, labels, 1 - labels)
    return Row(name, name, "m", labels, np.eye(2, dtype=np.float32)[told], 1, (1.0,) * len(correct))


def evaluation(rows, labels, subjects):
    return Evaluation(
        split="test",
        labels=labels,
        subjects=np.array(subjects),
        classes=["x", "y"],
        seeds=tuple(range(len(rows[0].probabilities))),
        rows=tuple(rows),
        unlabelled=0,
        epoch_by_top1=True,
        devices=(),
    )


@pytest.mark.parametrize("shape", [(2, 7), (3, 12), (9, 5), (5, 5)])
def test_the_interval_is_that_of_the_slow_reference(shape):
    rng = np.random.default_rng(5)
    for spread in (0.0, 0.3, 3.0):
        gain = rng.normal(size=shape) + spread * rng.normal(size=(shape[0], 1))
        clips = np.repeat(gain, 4, axis=1) + np.tile([-1, 0, 0, 1], shape[1])
        found = parts_of(clips, np.repeat(np.arange(shape[1]), 4)).half_width()
        assert found == pytest.approx(slow_half_width(gain))


def test_one_seed_gives_the_t_interval_over_people():
    gain = np.random.default_rng(2).normal(1, 2, (1, 9))
    parts = parts_of(gain, np.arange(9))
    low, high = ttest_1samp(gain[0], 0).confidence_interval(0.95)
    assert parts.half_width() == pytest.approx((high - low) / 2)
    assert np.isnan(parts.seeds)


def test_seeds_alone_give_the_t_interval_over_seeds():
    of_seed = np.array([3.0, 1.0, 4.0, 1.5])
    parts = parts_of(np.repeat(of_seed[:, None], 20, axis=1), np.arange(20))
    assert parts.half_width() == pytest.approx(3.182446 * of_seed.std(ddof=1) / 2)
    assert parts.p_value(of_seed.mean()) == pytest.approx(ttest_1samp(of_seed, 0).pvalue)


@pytest.mark.parametrize("difference", [0.01, 0.5, 3.0, 40.0])
def test_p_is_the_level_at_which_the_interval_reaches_zero(difference):
    rng = np.random.default_rng(3)
    parts = parts_of(rng.normal(size=(3, 8)) + rng.normal(size=8), np.arange(8))
    level = parts.p_value(difference)
    assert parts.half_width(level) == pytest.approx(difference)
    assert parts.p_value(-difference) == level
    assert (level < 0.05) == (parts.half_width() < difference)


def test_unequal_people_are_left_out_with_all_their_clips():
    groups = np.repeat(np.arange(5), (40, 5, 5, 5, 5))
    gain = np.random.default_rng(4).normal(size=(2, 60)) + np.array([3, -1, 0, 0, 1])[groups]
    parts = parts_of(gain, groups)
    # (40 + 4 * 5)^2 / (40^2 + 4 * 5^2) equal people, less one
    assert parts.groups_df == pytest.approx(3600 / 1700 - 1)
    assert parts_of(gain, np.repeat(np.arange(5), 12)).groups_df == pytest.approx(4)


def test_subjects_that_differ_widen_the_interval():
    groups = np.repeat(np.arange(10), 20)
    gain = np.where(groups < 6, 1, -1)[None]  # all clips of a person alike
    by_person, by_clip = parts_of(gain, groups), parts_of(gain, np.arange(200))
    assert by_person.half_width() > 2 * by_clip.half_width()


def test_seeds_that_differ_widen_the_interval():
    groups = np.arange(200)
    steady = np.zeros((3, 200), int)
    steady[:, :20] = 1
    torn = np.zeros((3, 200), int)
    torn[0, :60] = 1
    assert steady.mean() == torn.mean()
    assert parts_of(torn, groups).half_width() > 2 * parts_of(steady, groups).half_width()


def test_no_difference_has_no_width():
    parts = parts_of(np.zeros((2, 6)), np.arange(6))
    assert parts.half_width() == 0
    assert parts.p_value(0.0) == 1
    assert parts.lacking(0.0) == (False, False)


def test_what_is_lacking_is_what_alone_reaches_zero():
    by_seeds = parts_of(np.repeat([[0.0], [4.0]], 30, axis=1), np.arange(30))
    assert by_seeds.lacking(2.0) == (True, False)
    people = np.tile(np.arange(6.0), (2, 1))
    assert parts_of(people, np.arange(6)).lacking(1.0) == (False, True)
    both = Parts(np.array(1.0), np.array(9.0), seeds_df=2, groups_df=7)
    seeds, groups = both.reach()
    assert both.lacking(min(seeds, groups) / 2) == (True, True)
    assert both.lacking(np.hypot(seeds, groups) * 0.999) == (True, True)
    assert both.lacking(np.hypot(seeds, groups) * 1.001) == (False, False)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 3, "supported"),
        (0.0, 3, "undecided"),
        (-1, 1, "undecided"),
        (0.0, 0.0, "undecided"),
        (-3, 0.0, "undecided"),
        (-3, -0.1, "refuted"),
    ],
)
def test_verdicts(low, high, verdict):
    assert comparison(low, high).verdict == verdict


def test_the_worst_verdict_counts():
    good, noise, bad = comparison(1, 2), comparison(-1, 1), comparison(-2, -1)
    assert Claim("c", (good, good)).verdict == "supported"
    assert Claim("c", (good, noise)).verdict == "undecided"
    assert Claim("c", (noise, bad, good)).verdict == "refuted"


def test_the_verdict_is_that_after_correction():
    good = replace(comparison(1, 2), p_interval=0.01)
    assert replace(good, p_holm=0.05).verdict == "supported"
    assert replace(good, p_holm=0.051).verdict == "undecided"
    assert replace(good, lacking=("seeds",)).verdict == "undecided"


def test_subjects_are_the_sample_from_five_on():
    five, by_subject = sampled_groups(np.array(["e", "a", "b", "c", "d", "a"]))
    assert by_subject
    assert five.tolist() == [4, 0, 1, 2, 3, 0]
    four, by_subject = sampled_groups(np.array(["a", "b", "c", "d", "a"]))
    assert not by_subject
    assert four.tolist() == [0, 1, 2, 3, 4]


def test_claims_are_judged_by_paired_top_one():
    labels = np.arange(100) % 2
    better, worse = np.zeros((2, 2, 100), bool)
    better[:, :80], worse[:, :50] = True, True
    rows = [row("good", better, labels), row("poor", worse, labels), row("same", better, labels)]
    measured = evaluation(rows, labels, [f"s{clip % 10}" for clip in range(100)])
    right, reverse, both = judge_claims(
        measured,
        [
            {"claim": "1", "better": "good", "worse": "poor"},
            {"claim": "2", "better": "poor", "worse": "good"},
            {"claim": "3", "better": "good", "worse": ["poor", "same"]},
        ],
    )
    assert right.comparisons[0].difference == pytest.approx(30)
    assert right.verdict == "supported"
    assert reverse.comparisons[0].difference == pytest.approx(-30)
    assert reverse.verdict == "refuted"
    assert [one.verdict for one in both.comparisons] == ["supported", "undecided"]
    assert both.verdict == "undecided"


def test_a_claim_about_no_row_is_refused():
    labels = np.array([0, 1])
    measured = evaluation([row("a", np.ones((1, 2), bool), labels)], labels, ["s", "t"])
    with pytest.raises(InputError, match="no variant or fusion is named b; there are a"):
        judge_claims(measured, [{"claim": "c", "better": "a", "worse": "b"}])
    with pytest.raises(InputError, match="claim: better is missing"):
        judge_claims(measured, [{"claim": "c", "worse": []}])


def random_row(name, seed, labels, num_classes, num_seeds, skill=0.5):
    rng = np.random.default_rng(seed)
    shares = rng.random((num_seeds, len(labels), num_classes))
    shares[:, np.arange(len(labels)), labels] += skill
    return Row(name, name, "m", labels, shares, 1, (1.0,) * num_seeds)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize(
    ("metric", "reference"),
    [
        ("top1", lambda true, told: np.mean(true == told)),
        ("mean_class", balanced_accuracy_score),
        (
            "macro_f1",
            lambda true, told: f1_score(true, told, average="macro", labels=np.unique(true)),
        ),
    ],
)
def test_without_a_group_a_row_scores_what_the_other_clips_score(metric, reference):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, 60) % rng.integers(1, 7, 60)
    groups = np.sort(rng.integers(0, 12, 60))
    groups[labels == 5] = 11  # one person has all clips of a class
    groups = np.unique(groups, return_inverse=True)[1]
    measured = random_row("a", 1, labels, 6, 2)
    scores = left_out_scores(measured, metric, groups)
    assert scores.shape == (2, groups.max() + 1)
    for group in range(groups.max() + 1):
        others = groups != group
        for seed in range(2):
            told = measured.probabilities[seed].argmax(axis=1)
            expected = 100 * reference(labels[others], told[others])
            assert scores[seed, group] == pytest.approx(expected, abs=1e-10)


def test_mcnemar_by_hand_and_by_its_formula():
    first = np.array([1, 1, 1, 1, 1, 0, 1, 0], bool)
    second = np.array([0, 0, 0, 0, 0, 1, 1, 0], bool)
    # 5 against 1 of 6 tosses: 2 * (1 + 6) / 64
    assert mcnemar(first, second) == (5, 1, pytest.approx(14 / 64))
    assert mcnemar(second, first) == (1, 5, pytest.approx(14 / 64))
    assert mcnemar(first, first) == (0, 0, 1.0)
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 500)) < np.array([[0.6], [0.5]])
    b, c, p = mcnemar(one, other)
    # statsmodels' exact mcnemar: 2 * binom.cdf(min(b, c), b + c, 0.5)
    assert p == pytest.approx(min(1, 2 * binom.cdf(min(b, c), b + c, 0.5)))


def test_the_p_of_several_seeds_by_hand():
    assert majority_p([0.03]) == 0.03
    assert majority_p([0.01, 0.2]) == 0.2  # the larger
    assert majority_p([0.9, 0.01, 0.02]) == pytest.approx(1.5 * 0.02)
    assert majority_p([0.001, 0.002, 0.03, 0.5, 0.6]) == pytest.approx(5 / 3 * 0.03)
    assert majority_p([0.9, 0.8, 0.7]) == 1.0


@pytest.mark.parametrize("shared", [0.0, 0.8, 1.0])
def test_the_p_of_several_seeds_is_valid_however_alike_they_are(shared):
    rng = np.random.default_rng(4)
    common = rng.random((4000, 1))
    own = rng.random((4000, 5))
    values = np.where(rng.random((4000, 5)) < shared, common, own)
    rejected = np.mean([majority_p(one) < 0.05 for one in values])
    assert rejected < 0.06  # 0.05 and three standard errors


def test_another_metric_may_decide_otherwise():
    labels = np.array([0] * 90 + [1] * 10)
    groups = [f"s{clip % 10}" for clip in range(100)]
    frequent, rare = np.zeros((2, 2, 100), bool)
    frequent[:, :90] = True  # always names class 0
    rare[:, :50], rare[:, 90:] = True, True
    rows = [row("frequent", frequent, labels), row("rare", rare, labels)]
    about = {"claim": "c", "better": "frequent", "worse": "rare"}
    by_clip, by_class, by_f1 = judge_claims(
        evaluation(rows, labels, groups),
        [about, about | {"metric": "mean_class"}, about | {"metric": "macro_f1"}],
    )
    assert by_clip.verdict == "supported"
    assert by_clip.comparisons[0].discordant == ((40, 10), (40, 10))
    assert by_clip.comparisons[0].p == by_clip.comparisons[0].p_values[0]
    # recalls 1 and 0 against 50/90 and 1
    assert by_class.comparisons[0].difference == pytest.approx(100 * (0.5 - (5 / 9 + 1) / 2))
    assert by_class.verdict == "refuted"
    assert by_class.comparisons[0].p is None
    assert by_f1.comparisons[0].metric == "macro_f1"
    with pytest.raises(InputError, match=r"claim\.metric: .*'top1', 'mean_class' or 'macro_f1'"):
        judge_claims(evaluation(rows, labels, groups), [about | {"metric": "top5"}])


def test_with_shuffled_labels_everything_falls_to_chance():
    rng = np.random.default_rng(11)
    labels = np.repeat(np.arange(8), 100)
    skilled = [random_row(f"r{place}", place, labels, 8, 2, skill=0.8) for place in range(20)]
    shuffled = rng.permutation(labels)
    rows = [
        Row(one.name, one.name, "m", shuffled, one.probabilities, 1, one.seconds) for one in skilled
    ]
    assert min(one.top1 for one in skilled) > 50
    for one in rows:
        # 1600 tries of 1/8: a standard error of 0.83 points
        assert one.top1 == pytest.approx(12.5, abs=4 * 0.83)
        assert one.scores["mean_class"].mean() == pytest.approx(12.5, abs=4 * 0.83)
    pairs = [{"claim": "c", "better": f"r{one}", "worse": f"r{one + 1}"} for one in range(0, 20, 2)]
    subjects = [f"s{clip % 20}" for clip in rng.permutation(800)]
    told = judge_claims(evaluation(rows, shuffled, subjects), pairs)
    # After Holm's correction one set of claims in twenty has any wrong.
    assert sum(claim.verdict != "undecided" for claim in told) <= 1


def judged(correct, subjects, metric="top1"):
    """Judge one claim about two rows that are right as ``correct`` (2, S, N) says."""
    labels = np.arange(correct.shape[2]) % 2
    rows = [row(name, one, labels) for name, one in zip("ab", correct, strict=True)]
    about = {"claim": "c", "better": "a", "worse": "b", "metric": metric}
    (claim,) = judge_claims(evaluation(rows, labels, subjects), [about])
    return claim.comparisons[0]


# A percentile bootstrap over clips and seeds gives 10 to 25 % in the first five, 0 % in the last.
EQUALLY_GOOD = [
    Setting(seeds=2, people=8, clips=400, spread=2),
    Setting(seeds=2, people=8, clips=400, spread=4),
    Setting(seeds=3, people=1, clips=650, spread=5),
    Setting(seeds=3, people=6, clips=650, spread=4, sizes=0.7),
    Setting(seeds=5, people=20, clips=400, spread=10),
    Setting(seeds=3, people=70, clips=1000, spread=0),
]


def told_apart(setting, repeats):
    """How many of ``repeats`` made-up tables tell the two rows apart."""
    return sum(
        (np.abs(gains.mean(axis=1)) > variance_parts(gains, left_out, groups).half_width()).sum()
        for gains, left_out, groups in simulate(setting, repeats)
    )


@pytest.mark.parametrize(
    "setting", EQUALLY_GOOD, ids=lambda one: f"{one.seeds}-{one.people}-{one.spread}"
)
def test_equally_good_rows_are_seldom_told_apart(setting):
    repeats = 500
    # At 1 to 5 %, as few or as many only once in a thousand.
    least, most = binom.ppf(0.001, repeats, 0.01), binom.ppf(0.999, repeats, 0.05)
    assert least <= told_apart(setting, repeats) <= most


@pytest.mark.parametrize(
    "settings",
    [
        EQUALLY_GOOD,
        [Setting(3, 8, 400, 5, folds=4), Setting(3, 8, 400, 5, folds=8)],
        [Setting(3, 8, 400, 3, metric=one) for one in ("mean_class", "macro_f1")],
    ],
    ids=["settings", "folds", "scores by class"],
)
def test_false_verdicts_of_many_tables_together_are_one_to_five_percent(settings):
    repeats = 400 if settings[0].metric == "top1" else 150
    total = repeats * len(settings)
    share = sum(told_apart(setting, repeats) for setting in settings) / total
    # Three standard errors of a share of 5 % above; 1 % below.
    assert 0.01 <= share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / total)


def test_a_true_difference_is_found():
    assert told_apart(Setting(seeds=5, people=20, clips=1000, spread=2, gain=10), 100) > 90


@pytest.mark.parametrize("people", [1, 6])
def test_the_simulation_takes_the_differences_that_claims_do(people):
    setting = Setting(seeds=3, people=people, clips=90, sizes=0.7)
    rng = np.random.default_rng(1)
    sizes = sizes_of(setting, rng)
    correct = make_correct(setting, sizes, rng)
    groups = groups_of(sizes)
    gains, left_out = gains_top1(correct, groups)
    told = judged(correct, np.repeat([f"s{one}" for one in range(people)], sizes))
    half = variance_parts(gains, left_out, groups).half_width()
    assert told.difference == pytest.approx(gains.mean())
    assert (told.low, told.high) == pytest.approx((gains.mean() - half, gains.mean() + half))


def test_one_seed_decides_nothing_and_says_so():
    correct = np.zeros((2, 1, 100), bool)
    correct[0] = True
    subjects = [f"s{clip % 10}" for clip in range(100)]
    told = judged(correct, subjects)
    assert (told.difference, told.low, told.high) == (100, 100, 100)
    assert (told.verdict, told.lacking, told.p_holm) == ("undecided", ("seeds",), None)
    noisy = np.random.default_rng(0).random((2, 1, 100)) < 0.5
    assert judged(noisy, subjects).lacking == ("seeds", "people")
    assert judged(noisy, ["s"] * 100).lacking == ("seeds", "clips")


def test_one_clip_decides_nothing_for_any_score():
    correct = np.array([[[True]] * 3, [[False]] * 3])
    for metric in ("top1", "mean_class", "macro_f1"):
        told = judged(correct, ["s"], metric)
        assert (told.low, told.high) == (-100, 100)
        assert (told.verdict, told.lacking) == ("undecided", ("clips",))


def test_many_claims_are_corrected_and_the_interval_is_not():
    labels = np.arange(400) % 2
    subjects = [f"s{clip % 20}" for clip in range(400)]
    rng = np.random.default_rng(6)
    rows = [row("good", rng.random((5, 400)) < 0.80, labels)]
    rows += [row(f"r{one}", rng.random((5, 400)) < 0.80 - one / 100, labels) for one in range(8)]
    pairs = [{"claim": "c", "better": "good", "worse": f"r{one}"} for one in range(8)]
    measured = evaluation(rows, labels, subjects)
    alone = [judge_claims(measured, [one])[0].comparisons[0] for one in pairs]
    together = [claim.comparisons[0] for claim in judge_claims(measured, pairs)]
    assert [(one.low, one.high) for one in alone] == [(one.low, one.high) for one in together]
    assert [one.p_holm for one in alone] == [one.p_interval for one in together]
    assert [one.p_holm for one in together] == holm([one.p_interval for one in together])
    doubtful = [one for one in together if one.low > 0 and one.verdict == "undecided"]
    assert doubtful and all(one.lacking for one in doubtful)
