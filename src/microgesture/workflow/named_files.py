"""Files that a config names, and whether they are there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microgesture.data import paths
from microgesture.readers.folders import places
from microgesture.settings.config import Config
from microgesture.settings.label_embeddings import Glove
from microgesture.utils.errors import InputError
from microgesture.utils.files import read_json
from microgesture.workflow.config import crops_step, pose_step, reader_step, words_step
from microgesture.workflow.emotion import encode_step, interview_step


def check_files(config: Config, source: str) -> None:
    """Refuse a config that names a file or folder which is not there.

    Snakemake would keep older results of other files without a word. Results that were made from
    the very files that are named may be used where these are not, as on another machine.

    Raises
    ------
    InputError

    """
    for place, path, record, made_of in _named_files(config):
        if not Path(path).exists() and recorded(record) != made_of:
            raise InputError(f"{source}: {place}: there is no {path}")


def _named_files(config: Config) -> Iterator[tuple[str, str, Path, dict[str, Any]]]:
    """Place, path, record of the step that reads it and that step's config."""
    results = Path(config.results)
    data = config.data.given()
    if (pose := pose_step(config)) is not None:
        for key in ("root", "subjects"):
            for path in places(data.pop(key, None)):
                yield f"data.{key}", path, results / paths.record("pose"), pose.given()
    for key in ("root", "path", "paths", "labels", "subjects", "video_splits", "segments"):
        for path in places(data.get(key)):
            record = results / paths.record("skeletons")
            yield f"data.{key}", path, record, reader_step(config).reading()
    if config.video is not None and (crops := crops_step(config)) is not None:
        for key in ("root", "table"):
            for path in places(config.video.given().get(key)):
                yield f"video.{key}", path, results / paths.record("crops"), crops.given()
    if (own := interview_step(config)) is not None and config.emotion and config.emotion.labels:
        for path in own.labels:
            record = results / paths.record("emotion_interviews")
            yield "emotion.labels", path, record, own.given()
    if (encode := encode_step(config)) is not None:
        for key in ("face_encoder", "context_encoder"):
            if (path := getattr(encode, key).weights) is not None:
                tokens = results / paths.record("emotion_tokens", paths.EMOTION_ALL)
                stated = {"part": paths.EMOTION_ALL, **encode.given()}
                yield f"emotion.{key}.weights", path, tokens, stated
    if isinstance(config.semantic, Glove) and any(one.semantic for one in config.variants.values()):
        record = results / paths.record("label_embeddings")
        yield "semantic.path", config.semantic.path, record, words_step(config).given()


def recorded(record: Path) -> Any:
    """The config that a step's record states; None without a record."""
    try:
        return read_json(record)["config"]
    except (OSError, InputError, KeyError, TypeError):
        return None
