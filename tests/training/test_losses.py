import numpy as np
import pytest
import torch
from torch.nn import functional

from microgesture.training.losses import Objective, log_prior, objective

# two clips, three classes; e^logits are (1, 2, 3) and (4, 1, 5)
LOGITS = torch.log(torch.tensor([[1.0, 2, 3], [4, 1, 5]]))
TRUTH = torch.tensor([1, 0])
LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])  # priors 0.6, 0.3, 0.1


def given(**changes):
    options = {"smoothing": 0.0, "tau": 0.0, "embeddings": None, "weight": 0, **changes}
    return objective(LABELS, 3, **options, device=torch.device("cpu"))


def test_the_plain_loss_is_cross_entropy():
    """By hand: p = 2/6 and 4/10."""
    loss = given().loss(LOGITS, None, TRUTH)
    assert float(loss) == pytest.approx(-(np.log(2 / 6) + np.log(4 / 10)) / 2, rel=1e-6)


def test_an_objective_is_plain_unless_told_otherwise():
    plain, embedded = given().loss(LOGITS, None, TRUTH), torch.ones(2, 2)
    embeddings = torch.zeros(3, 2)
    assert torch.equal(Objective().loss(LOGITS, None, TRUTH), plain)
    assert torch.equal(Objective().loss(LOGITS, embedded, TRUTH), plain)
    assert torch.equal(Objective(embeddings=embeddings).loss(LOGITS, embedded, TRUTH), plain)
    assert torch.equal(Objective(embeddings=embeddings, weight=3).loss(LOGITS, None, TRUTH), plain)


def test_smoothing_spreads_a_share_of_the_target_evenly():
    """By hand: target (0.1, 0.8, 0.1) for the first clip, (0.8, 0.1, 0.1) for the second."""
    loss = given(smoothing=0.3).loss(LOGITS, None, TRUTH)
    first = 0.1 * np.log(1 / 6) + 0.8 * np.log(2 / 6) + 0.1 * np.log(3 / 6)
    second = 0.8 * np.log(4 / 10) + 0.1 * np.log(1 / 10) + 0.1 * np.log(5 / 10)
    assert float(loss) == pytest.approx(-(first + second) / 2, rel=1e-6)


def test_adjustment_weighs_classes_by_their_prior_in_the_loss_alone():
    """By hand with tau 1: e^logits times 0.6, 0.3 and 0.1 are (0.6, 0.6, 0.3), (2.4, 0.3, 0.5)."""
    loss = given(tau=1.0).loss(LOGITS, None, TRUTH)
    expected = -(np.log(0.6 / 1.5) + np.log(2.4 / 3.2)) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert torch.equal(LOGITS, torch.log(torch.tensor([[1.0, 2, 3], [4, 1, 5]])))


def test_tau_is_the_exponent_of_the_prior():
    """With tau 2, 0.36, 0.09 and 0.01 times e^logits are (0.36, 0.18, 0.03), (1.44, 0.09, 0.05)."""
    loss = given(tau=2.0).loss(LOGITS, None, TRUTH)
    expected = -(np.log(0.18 / 0.57) + np.log(1.44 / 1.58)) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-6)


def test_the_best_adjusted_logits_are_those_of_equally_likely_classes():
    """What adjustment is for: fitted to clips that say nothing, logits do not favour any class."""
    logits = torch.zeros(3, requires_grad=True)
    goal, truth = given(tau=1.0), torch.from_numpy(LABELS)
    for _ in range(300):
        (slope,) = torch.autograd.grad(goal.loss(logits.expand(10, 3), None, truth), logits)
        logits = (logits - slope).detach().requires_grad_()
    assert torch.allclose(functional.softmax(logits, dim=0), torch.full((3,), 1 / 3), atol=1e-4)


def test_a_class_without_clips_leaves_everything_finite():
    prior = log_prior(np.array([0, 0, 2, 2]), 4)
    assert np.allclose(np.exp(prior), np.array([2, 1, 2, 1]) / 6)
    goal = Objective(smoothing=0.1, adjustment=torch.from_numpy(prior))
    assert torch.isfinite(goal.loss(torch.zeros(1, 4), None, torch.tensor([0])))


def test_label_embeddings_add_their_weighted_squared_error():
    """By hand: (1 + 4) / 2 numbers for the first clip, 0 for the second, so 1.25 on average."""
    embeddings = np.array([[1, 0], [0, 2], [5, 5]], np.float32)
    embedded = torch.tensor([[1.0, 0], [1, 0]])
    plain = given().loss(LOGITS, None, TRUTH)
    loss = given(embeddings=embeddings, weight=20).loss(LOGITS, embedded, TRUTH)
    assert float(loss - plain) == pytest.approx(20 * 1.25, rel=1e-6)
