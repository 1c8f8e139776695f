"""Training, inputs and networks with sections of a config written as plain dictionaries."""

import os
import signal
from pathlib import Path

from microgesture.heatmaps import cache
from microgesture.inference import build
from microgesture.inputs import geometry, heatmaps
from microgesture.inputs.base import CPU
from microgesture.settings.heatmaps import Augment, DrawnHeatmaps
from microgesture.settings.parse import parse
from microgesture.settings.training import Training
from microgesture.settings.training_step import TrainingStep
from microgesture.settings.variant_step import VariantStep, read_stated
from microgesture.training import optimization, schedule, trainer, validate

RECIPE = {
    "epochs": 10,
    "batch": 8,
    "learning_rate": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0003,
    "max_gradient_norm": 40,
    "precision": "float32",
}
USUAL = {"variant": "tiny", "temporal": "align", "length": 8, "network": {}}


def step(config):
    """The settings of a training."""
    return parse(TrainingStep, config, "config")


def variant(config):
    """What input and network are built from, with what does not matter where it is left out."""
    own = {key: config[key] for key in config if key in VariantStep.model_fields}
    return parse(VariantStep, {**USUAL, **own}, "config")


def recipe(config):
    return parse(Training, {**RECIPE, **config}, "training")


def drawing(config):
    return parse(DrawnHeatmaps, config, "heatmaps")


def made_trained(path, model, layout, metadata):
    """A model that was not read from a file, with its metadata as if it were."""
    stated = read_stated({**USUAL, "training": RECIPE, **metadata["config"]}, "config")
    return build.Trained(Path(path), model, layout, metadata, stated)


def new_model(config, *more):
    return build.new_model(variant(config), *more)


def open_input(config, *more):
    return build.open_input(variant(config), *more)


def train(model, source, config, **more):
    return trainer.train(model, source, step(config), **more)


def validated(model, source, rows, truth, config, **more):
    return validate.validate(model, source, rows, truth, step(config), **more)


def phases(config):
    return schedule.phases(recipe(config))


def new_optimizer(config, *more):
    return optimization.new_optimizer(recipe(config), *more)


def random_geometry(count, config, rng):
    return geometry.random_geometry(count, parse(Augment, config, "augment"), rng)


def with_signal(source, at):
    """The input, whose ``at``-th training batch comes with a signal to the process."""
    left, assemble = at, source.assemble

    def signalling(batch, geometry, training, device=CPU):
        nonlocal left
        left -= training
        if training and left == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return assemble(batch, geometry, training, device)

    source.assemble = signalling
    return source


def drawn_input(records, layout, stream, config, size):
    return heatmaps.DrawnInput(records, layout, stream, drawing(config), size)


def build_cache(source, layout, stream, config, *more):
    return cache.build_cache(source, layout, stream, drawing(config), *more)
