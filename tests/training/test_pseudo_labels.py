"""Training on clips that a teacher has labelled."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from microgesture.data.clip_file import Records
from microgesture.inference.predict import predict
from microgesture.inference.pseudo_labels import pseudo_labels
from microgesture.inputs.points import PointInput
from microgesture.settings.pseudo_labels import PseudoLabelStep
from microgesture.training.batches import choose_clips
from microgesture.training.distributed import ALONE
from microgesture.utils.errors import InputError
from tests.small_training import CONFIG, config_with, write_source
from tests.steps import new_model, step, train


@pytest.fixture(scope="module")
def source(tmp_path_factory, layout22):
    _, path = write_source(tmp_path_factory.mktemp("pseudo"), layout22)
    return PointInput(Records(path), layout22, 0.25)


@pytest.fixture(scope="module")
def teacher(source, layout22):
    config = config_with({"epochs": 6})
    torch.manual_seed(0)
    model = new_model(config, layout22, 2, None)
    state, _ = train(model, source, config, seed=0)
    model.load_state_dict(state)
    return SimpleNamespace(model=model, config=step(config).model_copy(update={}))


def test_a_teacher_labels_what_the_student_does_not_see(source, teacher):
    told = {"views": 1, "flip": False}
    asked = PseudoLabelStep(precision=0.75, label_share=0.25, testing=told)
    config = SimpleNamespace(
        **{k: getattr(teacher.config, k) for k in ("temporal", "length")}, batch=8
    )
    trained = SimpleNamespace(model=teacher.model, config=config)
    found = pseudo_labels(trained, source, asked, seed=3)
    index = source.records.index
    shown = step({**CONFIG, "label_share": 0.25})
    own = choose_clips(source.records, shown, ALONE, 3).train
    train_rows = np.flatnonzero(index["split"] == "train")
    assert found.unlabelled == len(train_rows) - len(own) == 48
    rows = [int(np.flatnonzero(index["clip_id"] == name)[0]) for name in found.clip_ids]
    assert rows and not set(rows) & set(own.tolist())
    options = {"temporal": "align", "length": 8, "views": 1, "flip": False, "batch": 8}
    said = predict(teacher.model, source, np.array(rows), **options)
    assert np.array_equal(said.argmax(axis=1), found.labels)
    assert np.array_equal(said.max(axis=1), found.probabilities)
    assert found.right == np.mean(found.labels == index["label"].to_numpy()[rows])

    # the student learns from its own clips and from these, with the teacher's word
    pseudo = dict.fromkeys(found.clip_ids, 1)
    clips = choose_clips(source.records, shown, ALONE, 3, pseudo)
    assert clips.train.tolist() == sorted([*own.tolist(), *rows])
    assert (clips.labels[rows] == 1).all()
    assert np.array_equal(clips.labels[own], index["label"].to_numpy()[own])
    model, history = new_model(CONFIG, source.layout, 2, None), None
    _, history = train(model, source, {**CONFIG, "label_share": 0.25}, seed=3, pseudo=pseudo)
    assert history["spent"]["clips"] == 10 * (len(clips.train) // 8) * 8


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "clip nobody is not there in"),
        ("c0", "clip c0 is no training clip without a lab"),
    ],
)
def test_pseudo_labels_of_other_clips_are_refused(source, name, said):
    with pytest.raises(InputError, match=said):
        choose_clips(source.records, step(CONFIG), ALONE, 0, {name: 1})
