"""What was found, in sentences that are right in every case."""

from dataclasses import replace

import pytest

from microgesture.evaluation.claims import Claim, Comparison
from tests.sections import findings, judge_claims, load_evaluation, markdown
from tests.table_results import CLASSES, CONFIG, LABELS, SUMMARY, fill, fill_folds

ALONE = CONFIG | {
    "variants": {"weak": CONFIG["variants"]["weak"]}, "fusions": {}, "claims": [],
}  # fmt: skip


def evaluated(folder, config=CONFIG, **made):
    (fill_folds if config.get("folds") else fill)(folder, config, **made)
    return load_evaluation(config, folder, CLASSES, SUMMARY)


def told(evaluation, config=CONFIG, summary=SUMMARY, claims=None):
    if claims is None:
        claims = judge_claims(evaluation, config["claims"])
    return findings(evaluation, claims, config, summary)


@pytest.fixture
def evaluation(tmp_path):
    return evaluated(tmp_path)


def test_the_main_result_comes_first(evaluation):
    first, contrast, *_ = told(evaluation, CONFIG | {"submission": "strong"})
    assert first == (
        "“Strong model” (the submitted row) recognises 90.0 ± 0.0 % of 10 test clips of "
        "5 subjects, trained on other subjects only. That is 40.0 points above chance: "
        "always naming the most frequent class would reach 50.0 %."
    )
    assert contrast.startswith(
        "It is 40.0 points above the graph network, “Weak | model” (50.0 ± 14.1 %). "
    )
    assert "−94.43 to +100.00 points and includes 0." in contrast  # as the claim's line states it


def test_a_submitted_ensemble_is_told_with_its_own_score(evaluation):
    config = CONFIG | {"submission": "weak", "submission_seeds": "ensemble"}
    first, *_ = told(evaluation, config)
    assert "“Weak | model” (the submitted row) recognises 50.0 ± 14.1 % of" in first
    assert "What is submitted, the mean of the seeds' probabilities, recognises 60.0 %." in first
    for other in (config | {"submission": None}, config | {"submission_seeds": "best"}):
        assert "What is submitted" not in " ".join(told(evaluation, other))


def test_without_a_submission_it_says_why_a_row_is_shown(evaluation, tmp_path):
    assert told(evaluation)[0].startswith("“Both” (the first fusion of the config) recognises")
    config = CONFIG | {"fusions": {}, "claims": CONFIG["claims"][:1]}
    text = " ".join(told(evaluated(tmp_path / "two", config), config))
    assert "“Strong model” (the highest row) recognises" in text
    assert "It is the highest of 2 rows, picked on these very clips, which flatters it." in text
    text = " ".join(told(evaluated(tmp_path / "one", ALONE), ALONE))
    assert "“Weak | model” (the only row) recognises" in text
    assert "That is no more than chance: always" in text
    assert "highest" not in text and "It is" not in text and "claim" not in text


def test_a_higher_row_is_named_and_a_level_one_is_not_called_higher(evaluation):
    text = " ".join(told(evaluation, CONFIG | {"submission": "weak"}))
    assert "The highest row is “Strong model” with 90.0 ± 0.0 %." in text
    assert "flatters it" in text and "No row is higher" not in text
    assert "graph network" not in text  # it is one itself
    text = " ".join(told(evaluation, CONFIG | {"submission": "strong"}))
    assert "No row is higher, and another is as high." in text  # their fusion


def test_a_row_below_chance_and_classes_never_recognised(tmp_path):
    config = CONFIG | {"seeds": [0], "submission": "weak"}
    text = " ".join(told(evaluated(tmp_path, config), config))
    assert "recognises 40.0 % of 10" in text  # one seed has no spread
    assert "10.0 points below chance" in text
    assert "Of the 5 classes with test clips, 3 are never recognised." in text
    assert "Both claims are undecided, as with one seed every claim is." in text


def test_one_seed_is_said_of_the_contrast(tmp_path):
    config = CONFIG | {"seeds": [0], "submission": "strong"}
    text = " ".join(told(evaluated(tmp_path, config), config))
    assert "for these trained networks only" in text
    assert "Each of the 5 classes with test clips is recognised at least once." in text


def test_a_fusion_without_a_graph_network_is_compared_with_its_best_member(evaluation):
    rows = tuple(
        replace(row, model=row.model.replace("stgcn", "posec3d")) for row in evaluation.rows
    )
    text = " ".join(told(replace(evaluation, rows=rows)))
    assert (
        "It is level with the highest member of the fusion, “Strong model” (90.0 ± 0.0 %)." in text
    )


def test_folds_validation_clips_and_shared_subjects_are_said(evaluation, tmp_path):
    config = CONFIG | {"folds": 2}
    first = told(evaluated(tmp_path / "folds", config), config)[0]
    assert "every clip predicted once, in 2 folds by subject." in first
    first = told(evaluated(tmp_path / "val", test_labels=[None] * 10))[0]
    assert "of 10 validation clips" in first
    assert "chosen on these very clips, so the scores are too high" in first
    for shared in ({"subject_overlap": {"train+test": ["s1"]}}, {"subject_is_video": True}, None):
        first = told(evaluation, summary=SUMMARY | shared if shared else {})[0]
        assert "some of whom may have been trained on" in first
    assert "of 5 videos," in told(evaluation, summary=SUMMARY | {"subject_is_video": True})[0]


def line(difference, half, metric="top1", **more):
    return Comparison("strong", "weak", difference, difference - half, difference + half, metric,
                      **more)  # fmt: skip


HOLDS, REVERSED = line(12.3, 2), line(-5.2, 1, "mean_class")
OPEN = line(2.2, 4, p_holm=0.3, lacking=("seeds",))
PEOPLE = line(1.1, 4, p_holm=0.4, lacking=("seeds", "people"))
EQUAL = line(0.0, 4, p_holm=1.0)
CORRECTED = line(3.0, 2, p_holm=0.06)


def test_claims_by_verdict(evaluation):
    claims = [
        Claim("a", (OPEN,)), Claim("b", (HOLDS,)), Claim("c", (REVERSED,)), Claim("d", (PEOPLE,)),
        Claim("e", (EQUAL,)), Claim("f", (CORRECTED,)), Claim("g\n\nh", (HOLDS, line(9.0, 1))),
    ]  # fmt: skip
    supported, refuted, undecided = told(evaluation, claims=claims)[-3:]
    assert supported == (
        "2 of 7 claims are supported: “b” (+12.30 points); "
        "“g h” (+9.00, the weakest of its comparisons)."
    )
    assert refuted == (
        "1 of 7 claims is refuted: the reverse was measured. "
        "“c” (−5.20 points of mean class accuracy)."
    )
    assert undecided == (
        "4 of 7 claims are undecided. More seeds would be needed to decide “a” (+2.20 points). "
        "More seeds and people would be needed to decide “d” (+1.10). "
        "No difference was measured for “e” (0.00). "
        "Not decided after the correction for several comparisons: “f” (+3.00)."
    )


def test_a_claim_over_several_rows_goes_by_its_weakest_comparison(evaluation):
    (said,) = told(evaluation, claims=[Claim("a", (HOLDS, OPEN, REVERSED))])[-1:]
    assert said.startswith("The one claim is refuted: the reverse was measured. “a” (−5.20 points")
    (said,) = told(evaluation, claims=[Claim("a", (HOLDS, OPEN))])[-1:]
    assert "More seeds would be needed to decide “a” (+2.20 points, the weakest" in said


def test_many_claims_are_counted(evaluation):
    claims = [Claim(f"claim {number}", (HOLDS,)) for number in range(9)]
    (said,) = told(evaluation, claims=claims)[-1:]
    assert said.startswith("All 9 claims are supported: “claim 0”")
    assert said.endswith("“claim 5” (+12.30); and 3 more, which stand in the table.")


def test_the_sentences_open_the_table(evaluation):
    claims = judge_claims(evaluation, CONFIG["claims"])
    text = markdown(evaluation, claims, CONFIG, SUMMARY)
    first, *rest = findings(evaluation, claims, CONFIG, SUMMARY)
    bullets = "".join(f"- {one}\n" for one in rest)
    assert text.startswith(f"# Ablation table\n\n{first}\n\n{bullets}\nTen clips · ")
    generated = markdown(evaluation, claims, CONFIG | {"data_format": "synthetic"}, SUMMARY)
    assert generated.index("says nothing about iMiGUE") < generated.index(first)


def test_labels_are_all_that_is_counted(tmp_path):
    evaluation = evaluated(tmp_path, test_labels=[*LABELS[:8], None, None])
    assert "of 8 test clips of 4 subjects" in told(evaluation)[0]


def test_trees_are_what_is_beaten_first(tmp_path):
    weak, strong = (CONFIG["variants"][name] for name in ("weak", "strong"))
    variants = {"weak": weak | {"model": "trees"}, "strong": strong}
    config = CONFIG | {"variants": variants, "submission": "strong"}
    _, contrast, *_ = told(evaluated(tmp_path, config), config)
    assert contrast.startswith(
        "It is 40.0 points above the simple reference that networks must beat, “Weak | model”"
    )
    _, contrast, *_ = told(evaluated(tmp_path / "weak", config), config | {"submission": "weak"})
    assert "simple reference" not in contrast
