"""Variants on the tokens of others in a config: what is refused, and what each step depends on."""

import pytest
import yaml

from microgesture.evaluation.load import _cost_parts
from microgesture.settings.config import Config
from microgesture.settings.results import ShownVariant
from microgesture.utils.errors import InputError
from microgesture.workflow import config as settings
from microgesture.workflow import variants
from microgesture.workflow.checks import check_config
from tests.conftest import REPOSITORY

SOURCES = ["stgcn41_align", "joint41_align"]


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    given = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    training = given["models"]["stgcn"]["training"]
    given["models"]["token_fusion"] = {"network": {"width": 16}, "training": training}
    given["models"]["concat_mlp"] = {"network": {}, "training": training}
    given["variants"]["cross"] = {"title": "F", "model": "token_fusion", "sources": SOURCES}
    given["variants"]["concat"] = {"title": "C", "model": "concat_mlp", "sources": SOURCES}
    return given


def test_a_fused_variant_is_a_row_like_others(config):
    config["fusions"]["both"] = {"title": "B", "members": {"cross": 1, "stgcn41_align": 1}}
    config["claims"] += [{"claim": "x", "better": "cross", "worse": [*SOURCES, "concat"]}]
    config["submission"] = "cross"
    check_config(config, "c.yaml")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sources": ["stgcn41_align"]}, "variants.cross.sources"),
        ({"sources": ["stgcn41_align", "stgcn41_align"]}, "variants.cross.sources"),
        ({"sources": ["stgcn41_align", "agcn"]}, "variants.cross.sources names 'agcn'; expected"),
        ({"sources": ["stgcn41_align", "cross"]}, "'cross', a token_fusion, which gives no tokens"),
        ({"sources": ["stgcn41_align", "concat"]}, "'concat', a concat_mlp, which gives no tok"),
        ({"network": {"heads": 3}}, "network.width is 16; expected a multiple of network.heads, 3"),
        ({"training": {"augment_points": {"rotate": 9}}}, "augment_points moves points, and token"),
        ({"training": {"frame_span": 0.5}}, "cross: training.frame_span is 0.5, but it is for"),
        ({"training": {"backbone_rate": 0.1}}, "training.backbone_rate is 0.1, but no networks of"),
        ({"training": {"frozen_blocks": 1}}, "frozen_blocks is 1, but token_fusion has none that"),
        ({"backbones": "trained"}, "variants.cross.backbones is 'trained'"),
        ({"layout": "openpose41"}, "layout"),
        ({"network": {"stem_kernel": 3}}, "stem_kernel"),
    ],
)
def test_what_is_wrong_with_a_fused_variant_is_said(config, changes, says):
    config["variants"]["cross"] |= changes
    with pytest.raises(InputError, match=says) as error:
        check_config(config, "c.yaml")
    assert str(error.value).startswith("c.yaml: ") and "\n" not in str(error.value)


def test_an_exchange_needs_tokens_that_have_a_time(config):
    config["variants"]["cross"]["network"] = {"exchange": True}
    check_config(config, "c.yaml")
    config["tokens"] = {"pool": "time"}
    with pytest.raises(InputError, match=r"exchange is set, but tokens\.pool is time"):
        check_config(config, "c.yaml")


def test_occlusion_of_a_fused_variant_is_refused(config):
    config["occlusion"]["variants"] = ["cross"]
    with pytest.raises(InputError, match="names 'cross', which fuses tokens; name its sources"):
        check_config(config, "c.yaml")


def test_a_fused_variant_reads_the_tokens_of_its_sources_of_the_same_run(config):
    read = variants.manifest_names(Config.model_validate(config), "cross", "seed3-fold1")
    assert read == [f"tokens/{name}/seed3-fold1.json" for name in SOURCES]


def test_a_change_of_the_fusion_moves_no_step_before_it(config):
    """Tokens depend on augmentation and testing; a fusion on its own settings and its sources."""
    first = slices(config)
    config["variants"]["cross"]["network"] = {"layers": 2}
    assert differing(first, slices(config)) == {"cross"}
    config["tokens"] = {"augmented": 7}
    assert differing(first, slices(config)) == {"cross", "tokens"}


def slices(given):
    config = Config.model_validate(given)
    names = [*SOURCES, "cross", "concat"]
    trained = {name: settings.training_step(config, name).given() for name in names}
    return {"tokens": settings.token_step(config).given(), **trained}


def differing(one, other):
    return {name for name in one if one[name] != other[name]}


def trained_with(config, backbones, **training):
    own = {"backbones": backbones, **({"training": training} if training else {})}
    config["variants"]["cross"] |= own
    check_config(config, "c.yaml")
    return Config.model_validate(config)


def test_a_fusion_with_trained_backbones_reads_what_its_sources_read(config):
    config["models"]["posec3d"]["input_size"] = 16
    typed = trained_with(config, "finetuned", backbone_rate=0.1)
    of_sources = [variants.manifest_names(typed, name, "seed3")[0] for name in SOURCES]
    assert variants.manifest_names(typed, "cross", "seed3") == of_sources
    assert variants.tokens_of(typed, "cross") == [] != variants.tokens_of(typed, "concat")
    assert variants.layout_files(typed, "cross") == ["config/layouts/openpose41.yaml"]
    assert variants.layout_files(typed, "concat") == []
    assert variants.layout_files(typed, SOURCES[0]) == ["config/layouts/openpose41.yaml"]
    step = settings.training_step(typed, "cross")
    assert (step.temporal, step.backbones) == ("sources", "finetuned")
    assert step.training.backbone_rate == 0.1
    for network, name in zip(step.networks, SOURCES, strict=True):
        own = settings.training_step(typed, name)
        for key in ("variant", "model", "network", "length", "layout", "stream", "temporal"):
            assert getattr(network, key) == getattr(own, key)
    # tested at the size of its training
    assert step.networks[1].input_size == typed.heatmaps.size != own.input_size


def test_where_networks_inside_a_fusion_start(config):
    config["variants"][SOURCES[0]]["pretrained"] = "README.md"
    assert variants.backbones_of(Config.model_validate(config), "cross", "seed3") == {}
    found = variants.backbones_of(trained_with(config, "finetuned"), "cross", "seed3")
    trained = "results/train/{}/seed3/model.safetensors"
    assert found == {name: trained.format(name) for name in SOURCES}
    found = variants.backbones_of(trained_with(config, "joint"), "cross", "seed3")
    assert found == {SOURCES[0]: "README.md"}
    assert variants.start_of(Config.model_validate(config), SOURCES[1]) is None


def test_what_a_joint_training_depends_on(config):
    """On its sources' networks and what changes their samples, not on how they were trained."""
    config["variants"]["cross"]["backbones"] = "joint"
    first = slices(config)
    own = config["variants"][SOURCES[0]]
    own["training"] = {"epochs": 3}
    assert differing(first, slices(config)) == {SOURCES[0]}
    own["training"] = {"augment_points": {"rotate": 5}}
    assert differing(first, slices(config)) == {SOURCES[0], "cross"}
    del own["training"]
    config["tokens"] = {"pool": "time"}
    assert differing(first, slices(config)) == {"cross", "tokens"}


@pytest.mark.parametrize(
    ("backbones", "parameters", "seconds"),
    [("frozen", ["a", "b"], ["a", "b"]), ("finetuned", [], ["a", "b"]), ("joint", [], [])],
)
def test_what_a_row_costs(backbones, parameters, seconds):
    shown = ShownVariant(title="F", model="token_fusion", sources=["a", "b"], backbones=backbones)
    assert _cost_parts("f", shown) == ([*parameters, "f"], [*seconds, "f"])
