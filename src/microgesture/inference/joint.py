"""The files that fusions read which hold the networks of their sources."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from microgesture.data.folds import check_fold
from microgesture.data.layouts import Layout
from microgesture.inference.build import Trained, load_trained, open_prepared
from microgesture.inputs.base import Input
from microgesture.inputs.joint import JoinedSource, JointInput
from microgesture.models.base import Recognizer
from microgesture.models.joint_fusion import JointFusion, leave_unused
from microgesture.models.pretrained import load_pretrained
from microgesture.settings.training_step import TrainingStep
from microgesture.settings.variant_step import VariantStep
from microgesture.utils.errors import InputError


def open_joint(
    config: VariantStep,
    layouts: Sequence[Layout | None],
    manifests: Sequence[Path],
    missing: Collection[int] = (),
) -> JointInput:
    """The inputs of a fusion's sources, side by side.

    Parameters
    ----------
    config : VariantStep
    layouts : sequence of Layout or None
        Of each source; none for video.
    manifests : sequence of Path
        What each source reads.
    missing : collection of int
        Numbers of the sources that are to be missing.

    """
    steps = config.networks
    if len(manifests) != len(steps):
        names = ", ".join(step.variant for step in steps)
        raise InputError(
            f"--input: {len(manifests)} manifests; {config.variant} reads one for each of {names}"
        )
    each = zip(steps, layouts, manifests, strict=True)
    return JointInput(
        [JoinedSource(step, of, open_prepared(step, of, [path])) for step, of, path in each],
        missing,
    )


def open_trained(
    trained: Trained, manifests: Sequence[Path], missing: Collection[int] = ()
) -> Input:
    """The input of a trained variant; see `open_prepared` and `open_joint`."""
    if trained.joined:
        layouts = [one.skeleton for one in trained.joined]
        return open_joint(trained.config, layouts, manifests, missing)
    return open_prepared(trained.config, trained.skeleton, manifests, missing)


def layouts_of(config: VariantStep, layouts: Sequence[Layout]) -> list[Layout | None]:
    """The layout of each source of a fusion, by its name; none for video."""
    by_name = {one.name: one for one in layouts}
    names = [step.layout for step in config.networks]
    if lacking := [name for name in names if name is not None and name not in by_name]:
        raise InputError(f"--layout: {lacking[0]} is missing, which {config.variant} reads")
    return [None if name is None else by_name[name] for name in names]


def start_networks(
    model: Recognizer,
    config: TrainingStep,
    inputs: Sequence[Mapping[str, Any]],
    files: Mapping[str, Path],
    stated: Mapping[str, Any],
    say: Callable[[str], None],
) -> None:
    """Give the networks inside a fusion the weights that they start from.

    Parameters
    ----------
    model : Recognizer
        With fresh weights.
    config : TrainingStep
    inputs : sequence of mapping
        What each source is shown, as the metadata of `JointInput` state it.
    files : mapping
        By source: checkpoints of their trainings where ``backbones`` is finetuned, of every source;
        else the weights that these would start from, of any.
    stated : mapping
        ``seed``, and ``fold`` and ``folds`` under cross-validation, which a training must share.
    say : callable
        Told what of published weights was taken.

    Raises
    ------
    InputError
        When a file is missing, of something else, or of another seed or fold.

    """
    names = [step.variant for step in config.networks]
    tuned = config.backbones == "finetuned"
    unknown = [name for name in files if name not in names]
    lacking = [name for name in names if tuned and name not in files]
    if unknown or lacking:
        raise InputError(
            f"--backbones: {', '.join(files) or 'none'}; expected "
            f"{'one for each' if tuned else 'some'} of {', '.join(names)}"
        )
    backbone = model.backbone
    assert isinstance(backbone, JointFusion)
    for step, network, made in zip(config.networks, backbone.inside, inputs, strict=True):
        leave_unused(network, tuple(made["shape"]))
        path = files.get(step.variant)
        if path is None:
            continue
        if tuned:
            network.load_state_dict(_trained_backbone(path, step, made, stated).state_dict())
            continue
        # as the source itself would: its classifier is fresh, and is not used here
        load_pretrained(Recognizer(network, model.num_classes, 0.0), path, say)


def _trained_backbone(
    path: Path, step: VariantStep, made: Mapping[str, Any], stated: Mapping[str, Any]
) -> nn.Module:
    """The network of a source's training, which fits a fusion."""
    trained = load_trained(path)
    seed = stated["seed"]
    check_fold(path, trained.metadata, {key: one for key, one in stated.items() if key != "seed"})
    pairs = {
        "variant": (trained.config.variant, step.variant),
        "network": (trained.config.network, step.network),
        "seed": (trained.metadata["seed"], seed),
        "preparation": (trained.metadata["preparation"], made["preparation"]),
    }
    for key, (found, expected) in pairs.items():
        if found != expected:
            raise InputError(
                f"--backbones {path}: its {key} is {found}; expected {expected}, with which it is "
                "fused"
            )
    assert isinstance(trained.model, Recognizer)
    return trained.model.backbone
