import inspect

from microgesture.models.agcn import build_agcn
from microgesture.models.mmn import build_mmn
from microgesture.models.mvit import build_mvit
from microgesture.models.posec3d import build_posec3d
from microgesture.models.skeleton_transformer import build_skeleton_transformer
from microgesture.models.stgcn import build_stgcn
from microgesture.settings.models import MODEL_NAMES, Models
from microgesture.settings.networks import (
    GraphNetwork,
    HeatmapNetwork,
    MmnNetwork,
    TransformerNetwork,
    VideoNetwork,
)


def test_the_networks_defaults_are_those_that_the_config_states():
    networks = {
        build_stgcn: GraphNetwork,
        build_agcn: GraphNetwork,
        build_posec3d: HeatmapNetwork,
        build_mmn: MmnNetwork,
        build_skeleton_transformer: TransformerNetwork,
        build_mvit: VideoNetwork,
    }
    for build, model in networks.items():
        given = inspect.signature(build).parameters
        stated = model().model_dump()
        for name, value in stated.items():
            default = given[name].default
            assert (list(default) if isinstance(default, tuple) else default) == value, name
        keywords = {n for n, p in given.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
        assert set(stated) <= keywords


def test_every_model_has_a_name_for_texts_and_figures():
    assert set(MODEL_NAMES) == set(Models.model_fields)
