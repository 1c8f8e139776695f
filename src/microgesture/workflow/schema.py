"""Every key of a config: its type, its default and what it says.

The reference page of the docs and the schema for editors are made from these models.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
SplitName = Literal["train", "val", "test"]
LARGEST_SEED = 2**64 - 1


def _odd(value: Any) -> Any:
    if isinstance(value, int) and value % 2 == 0:
        raise PydanticCustomError("odd", "expected an odd number")
    return value


Odd = Annotated[int, BeforeValidator(_odd)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _unique(values: list[Any]) -> list[Any]:
    if len({repr(one) for one in values}) < len(values):
        raise PydanticCustomError("unique", "expected no entry twice")
    return values


TEXTS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
    ]
}
Texts = Annotated[
    list[str], Field(min_length=1), BeforeValidator(_listed), WithJsonSchema(TEXTS_SCHEMA)
]
"""A list of texts, or one text for a list of one."""

Number = Annotated[int, Field(ge=0, le=136)]


def _how_named(points: Any) -> str:
    return "list" if isinstance(points, list) else "name"


Points = (
    Annotated[
        Annotated[str, Tag("name")]
        | Annotated[list[Number | None], Field(min_length=1), Tag("list")],
        Discriminator(_how_named),
    ]
    | None
)
"""A keypoint format: its name, its file, or for each point its number among the 137, or null."""


class Entry(BaseModel):
    """A part of a config; numbers are not taken for text, nor text for numbers."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
    renamed: ClassVar[Mapping[str, str]] = {}
    """Keys of older versions, and what they are called now."""
    nullable: ClassVar[frozenset[str]] = frozenset({"subjects"})
    """Keys that may be left out, or be null as well."""

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, given: Any) -> Any:
        """Say of a wrong key what it may have been; of a missing one, what it would say."""
        if not isinstance(given, Mapping):
            return given
        fields = cls.model_fields
        for key in given:
            if key in cls.renamed:
                raise PydanticCustomError(
                    "renamed", f"{key} is called {cls.renamed[key]} now; rename the key"
                )
            if key not in fields:
                raise PydanticCustomError(
                    "unknown_key", "unknown", {"key": key, "known": list(fields)}
                )
            optional = not fields[key].is_required() and key not in cls.nullable
            if given[key] is None and optional:
                raise PydanticCustomError(
                    "empty", "{key} is empty; give it a value or remove it", {"key": key}
                )
        missing = [key for key, field in fields.items() if field.is_required() and key not in given]
        if missing:
            raise PydanticCustomError(
                "missing_key",
                "missing",
                {"key": missing[0], "says": fields[missing[0]].description or ""},
            )
        return given


class Paths(Entry):
    """The files, or folders of files, of each split."""

    train: Texts | None = None
    val: Texts | None = None
    test: Texts | None = None


class PerSplit(Entry):
    """A number for each split."""

    train: Count
    val: Count
    test: Count


class Split(Entry):
    """Which people are validated and tested on; the others are trained on."""

    by: Literal["subject"]
    val: list[str]
    test: list[str]


class Generate(Entry):
    """The embedded data set."""

    seed: Annotated[int, Field(ge=0)]
    fps: Positive
    height: Count
    width: Count
    subjects: PerSplit
    """People; nobody is in two splits."""
    clips: PerSplit
    """Clips, in iMiGUE's long-tailed proportions."""
    class_minimum: PerSplit
    """Clips that each class has at least."""
    mean_seconds: Annotated[float, Field(gt=0.3)]
    """Mean length of a clip."""
    noise: Annotated[float, Field(ge=0)]
    """Of the detector, in shoulder widths."""
    variety: Share = 1.0
    """How much clips of a class differ from each other, and people move besides; 1: as much as
    people do."""
    amplitude: Positive = 1.0
    """Size of the movements, in times of what people do."""


class _Data(Entry):
    name: str
    """What the data are called in tables and figures."""
    on_bad_clip: Literal["stop", "skip"]
    """``stop`` ends the run at a bad clip; ``skip`` leaves it out, counts and lists it."""


class _Sized(_Data):
    height: Count
    """Of the picture, in pixels."""
    width: Count
    """Of the picture, in pixels."""


class _Filmed(_Sized):
    fps: Positive
    """Frames a second."""


class Synthetic(_Data):
    """Generated by the first step, written and read as a MiGA 2025 release."""

    format: Literal["synthetic"]
    generate: Generate


class Miga2025(_Filmed):
    """iMiGUE as the MiGA challenge released it in 2025."""

    format: Literal["miga2025"]
    root: str
    """The folder that holds the release's phase folders."""
    subjects: str | None
    """A CSV with the header ``video,subject``; null: every video counts as a subject."""
    test_labels: Literal["real", "placeholder"]
    """Whether the labels of the test clips mean anything."""


class Imigue2021(_Filmed):
    """iMiGUE as it is given out under licence since 2021."""

    format: Literal["imigue2021"]
    root: str
    """The folder that holds ``mg_skeleton_only`` and ``Label``."""
    video_splits: str | None = None
    """A CSV with the header ``video,split``, instead of the folders of the videos."""
    split: Split | None = None
    test_labels: Literal["real", "placeholder"] = "real"
    """Whether the labels of the test clips mean anything."""


class OpenPoseJson(_Filmed):
    """What OpenPose writes: a folder of JSON files a recording."""

    format: Literal["openpose_json"]
    root: str
    """The folder below which all recordings lie."""
    labels: str
    """The table of clips."""
    points: Points = None
    """The keypoint format of the bodies."""


class Release2023(_Filmed):
    """iMiGUE as it was given out in 2023: arrays of clips with 22 points."""

    format: Literal["release2023"]
    root: str
    """The folder with ``train_data.npy``, ``train_label.pkl`` and so on."""
    subjects: str | None = None
    """A CSV with the header ``video,subject``."""
    test_labels: Literal["real", "placeholder"] = "real"
    """Whether the labels of the test clips mean anything."""


class PySkl(_Data):
    """Annotation pickles of PySKL and MMAction2."""

    format: Literal["pyskl"]
    fps: Positive
    """Frames a second."""
    path: Texts | None = None
    """The pickle, a folder of pickles, or a list of both; or ``paths`` instead."""
    paths: Paths | None = None
    height: Count | None = None
    """Of the picture, where the annotations have no ``img_shape``."""
    width: Count | None = None
    """Of the picture, where the annotations have no ``img_shape``."""
    subjects: str | None = None
    """A CSV with the header ``video,subject``."""
    test_labels: Literal["real", "placeholder"] = "real"
    """Whether the labels of the test clips mean anything."""
    splits: Annotated[dict[str, SplitName], Field(min_length=1)] | None = None
    """The file's splits to use, and what each is here."""
    split: Split | None = None
    points: Points = None
    """The keypoint format; it is told by the number of points otherwise."""


class Smg(_Sized):
    """SMG: long recordings of Kinect v2."""

    format: Literal["smg"]
    root: str
    """The folder with ``Sample0001`` and so on."""
    subjects: str | None = None
    """A CSV with the header ``video,subject``."""
    split: Split | None = None


class Parquet(_Data):
    """The plain form: a Parquet file with one row a clip."""

    format: Literal["parquet"]
    path: str
    """The file."""
    points: Points = None
    """The keypoint format; the 137 of OpenPose otherwise."""
    split: Split | None = None


class Csv(_Data):
    """The plain form: a CSV file with one row a point."""

    format: Literal["csv"]
    path: str
    """The file."""
    points: Points = None
    """The keypoint format; the 137 of OpenPose otherwise."""
    split: Split | None = None


Data = Annotated[
    Synthetic | Miga2025 | Imigue2021 | OpenPoseJson | Release2023 | PySkl | Smg | Parquet | Csv,
    Field(discriminator="format"),
]


class Outliers(Entry):
    """Points far from the median of their neighbours in time are taken as not found."""

    frames: Annotated[Odd, Field(ge=5)]
    """Frames of the median."""
    deviations: Positive
    """Robust standard deviations from it that are too far."""


class SavitzkyGolay(Entry):
    """A polynomial over a window."""

    method: Literal["savgol"]
    frames: Annotated[Odd, Field(ge=3)]
    """Frames of the window."""
    order: Annotated[int, Field(ge=0)]
    """Of the polynomial; below the number of frames."""


class OneEuro(Entry):
    """The One Euro filter."""

    method: Literal["one_euro"]
    min_cutoff: Positive
    """Hz."""
    beta: Annotated[float, Field(ge=0)]
    """How much the cutoff grows with speed."""


class Cleaning(Entry):
    """A way to clean clips."""

    min_score: Annotated[float, Field(ge=0, le=1)]
    """Points with a lower score are taken as not found."""
    max_jump: Positive | None
    """Shoulder widths from the clip's median place beyond which somebody else was detected; null
    where people turn, sit down or walk."""
    outliers: Outliers | None = None
    fill_gaps: Annotated[int, Field(ge=0)] = 0
    """Longest gap that is filled in, in frames."""
    smooth: Annotated[SavitzkyGolay | OneEuro, Field(discriminator="method")] | None = None


class Align(Entry):
    """The temporal alignment."""

    max_gap: Annotated[int, Field(ge=0)]
    """Frames over which a lost point is filled in."""


class Box(Entry):
    """The square around a clip's visible points."""

    padding: Annotated[float, Field(ge=0)]
    """Share of its side by which it grows."""


class Heatmaps(Entry):
    """Drawn heatmaps."""

    size: Annotated[int, Field(ge=8)]
    """Heatmap resolution: height and width in cells."""
    sigma: Positive
    """Of the Gaussians, in cells."""
    short_limbs: Literal["min", "start"] = "min"
    """Score of a limb shorter than a cell: the smaller one of its ends, as of longer limbs, or the
    start's, as in PySKL."""


class Augment(Entry):
    """Random geometry in training."""

    crop_area: Annotated[list[Share], Field(min_length=2, max_length=2)]
    """Smallest and largest share of the box's area that a crop holds."""
    flip: Annotated[float, Field(ge=0, le=1)]
    """Probability of a mirror image."""


class WordLlama(Entry):
    """Word vectors that come with the package wordllama."""

    source: Literal["wordllama"]
    weight: Positive
    """Of the semantic loss."""


class Glove(Entry):
    """Word vectors of a GloVe text file."""

    source: Literal["glove"]
    path: str
    """The text file."""
    weight: Positive
    """Of the semantic loss."""


class GraphNetwork(Entry):
    """ST-GCN and 2s-AGCN; what is not given is as in the published networks."""

    base_channels: Count = 64
    num_stages: Count = 10
    inflate_stages: list[Annotated[int, Field(ge=2)]] = [5, 8]
    """Stages that double the channels."""
    down_stages: list[Annotated[int, Field(ge=2)]] = [5, 8]
    """Stages that halve the frames."""
    temporal_kernel: Annotated[Odd, Field(ge=1)] = 9
    dropout: Probability = 0.0
    """Before the classifier."""
    block_dropout: Probability = 0.0
    """In each block."""


class HeatmapNetwork(Entry):
    """PoseC3D's SlowOnly ResNet; what is not given is as in the published network."""

    base_channels: Count = 32
    stage_blocks: Annotated[list[Count], Field(min_length=1, max_length=4)] = [4, 6, 3]
    """Bottleneck blocks of each stage."""
    stem_kernel: Annotated[Odd, Field(ge=1)] = 7
    stem_pool: bool = True
    """Max pooling of 3 x 3 at stride 1 after the stem, as PySKL has it."""
    inflate: list[bool] | None = None
    """For each stage, whether its kernels extend over time."""
    zero_init_residual: bool = True
    """Whether each block starts as the identity."""
    temporal_strides: list[Count] | None = None
    """For each stage, by how much it shortens the clip."""
    dropout: Probability = 0.5
    """Before the classifier."""


class TrainingChanges(Entry):
    """Settings of a training in which a variant differs from its model."""

    epochs: Count | None = None
    batch: Annotated[int, Field(ge=2)] | None = None
    """Clips of a step, over all processes together."""
    learning_rate: Positive | None = None
    """The highest of the ``schedule``."""
    momentum: Probability | None = None
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    max_gradient_norm: Positive | None = None
    """Gradients that are longer are shortened to this."""
    precision: Literal["auto", "float32", "bfloat16"] | None = None
    """``auto``: bfloat16 where the hardware multiplies it natively."""
    sampling: Literal["natural", "class_balanced"] | None = None
    label_smoothing: Probability | None = None
    logit_adjustment: Annotated[float, Field(ge=0)] | None = None
    """Times the logarithm of a class's share that its logit is lowered by in training."""
    balanced_head_epochs: Annotated[int, Field(ge=0)] | None = None
    """Epochs at the end in which only the classifier is trained, on balanced classes."""
    optimizer: Literal["sgd", "adamw"] | None = None
    """``adamw`` takes ``momentum`` for the gradients and 0.999 for their squares."""
    schedule: Literal["cosine", "one_cycle"] | None = None
    """``cosine``: the learning rate falls to zero along a cosine; ``one_cycle``: it rises to its
    peak in the first 30 % of the steps before."""
    ema: Probability | None = None
    """Share that a moving average of the weights keeps of itself in each step; the average is
    validated and kept. 0: the weights themselves."""
    validate_from: Probability | None = None
    """Share of the epochs before the first one that is validated, and may be kept."""


class Training(TrainingChanges):
    """The settings of a training."""

    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    """Clips of a step, over all processes together."""
    learning_rate: Positive
    """The highest of the ``schedule``."""
    momentum: Probability
    weight_decay: Annotated[float, Field(ge=0)]
    max_gradient_norm: Positive
    """Gradients that are longer are shortened to this."""
    precision: Literal["auto", "float32", "bfloat16"]
    """``auto``: bfloat16 where the hardware multiplies it natively."""
    sampling: Literal["natural", "class_balanced"] = "natural"
    label_smoothing: Probability = 0.0
    logit_adjustment: Annotated[float, Field(ge=0)] = 0.0
    """Times the logarithm of a class's share that its logit is lowered by in training."""
    balanced_head_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs at the end in which only the classifier is trained, on balanced classes."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """``adamw`` takes ``momentum`` for the gradients and 0.999 for their squares."""
    schedule: Literal["cosine", "one_cycle"] = "cosine"
    """``cosine``: the learning rate falls to zero along a cosine; ``one_cycle``: it rises to its
    peak in the first 30 % of the steps before."""
    ema: Probability = 0.0
    """Share that a moving average of the weights keeps of itself in each step; the average is
    validated and kept. 0: the weights themselves."""
    validate_from: Probability = 0.0
    """Share of the epochs before the first one that is validated, and may be kept."""


Length = Annotated[int, Field(ge=2)]
InputSize = Annotated[int, Field(ge=8)]
Source = Literal["drawn", "cached"]


class GraphModel(Entry):
    """What the graph networks' variants share."""

    length: Length
    """Frames that the network takes."""
    network: GraphNetwork
    training: Training


class HeatmapModel(Entry):
    """What PoseC3D's variants share."""

    length: Length
    """Frames that the network takes."""
    source: Source
    """``drawn``: points are cropped and mirrored, then drawn inside the batch; ``cached``: heatmaps
    are drawn once and the volumes are changed."""
    input_size: InputSize
    """Height and width that the network is trained with, in cells."""
    network: HeatmapNetwork
    training: Training


class Models(Entry):
    """Settings that all variants of a network share."""

    stgcn: GraphModel | None = None
    agcn: GraphModel | None = None
    posec3d: HeatmapModel | None = None


class _Variant(Entry):
    title: Text
    """Its row's name in tables and figures."""
    layout: Name
    """The joints: a file of ``config/layouts``."""
    cleaning: str = "standard"
    """One of ``cleaning``."""
    temporal: Literal["align", "crop_pad", "segment_sample"]
    """How clips are brought to ``length`` frames."""
    semantic: bool = False
    """Whether the semantic loss is added."""
    pretrained: str | None = None
    """A checkpoint to start from."""
    length: Length | None = None
    """Frames that the network takes, instead of the model's."""
    training: TrainingChanges | None = None
    """Instead of the model's."""


class GraphVariant(_Variant):
    """A graph network on points."""

    model: Literal["stgcn", "agcn"]
    stream: Literal["joint", "bone", "joint_motion", "bone_motion"] = "joint"
    network: GraphNetwork | None = None
    """Instead of the model's."""


class HeatmapVariant(_Variant):
    """PoseC3D on heatmaps."""

    model: Literal["posec3d"]
    stream: Literal["joint", "limb", "joint_motion"]
    source: Source | None = None
    """Instead of the model's."""
    input_size: InputSize | None = None
    """Instead of the model's."""
    network: HeatmapNetwork | None = None
    """Instead of the model's."""


Variant = Annotated[GraphVariant | HeatmapVariant, Field(discriminator="model")]


def _how_given(members: Any) -> str:
    return "names" if isinstance(members, list) else "weights"


class Fusion(Entry):
    """A weighted mean of the probabilities of several variants."""

    title: Text
    """Its row's name in tables and figures."""
    members: Annotated[
        Annotated[dict[str, Positive], Field(min_length=2), Tag("weights")]
        | Annotated[list[str], Field(min_length=2), BeforeValidator(_unique), Tag("names")],
        Discriminator(_how_given),
    ]
    """Variants with their weights, or a list of them where ``weights`` are fitted."""
    weights: Literal["validation"] | None = None
    """``validation``: found on the validation clips."""
    temperature: bool = False
    """Whether each member is calibrated on the validation clips first."""


class ClaimEntry(Entry):
    """A claim that one row beats others."""

    claim: Text
    """The claim in words."""
    metric: Literal["top1", "mean_class", "macro_f1"] = "top1"
    better: str
    """The row that should be better."""
    worse: Texts
    """The row, or rows, that it should beat."""


class Testing(Entry):
    """Test-time augmentation."""

    views: Count
    """Temporal views that are averaged where frames are sampled at random; ``align`` has one."""
    flip: bool
    """Whether each view is also tested mirrored."""


class Robustness(Entry):
    """Test clips that are corrupted on purpose."""

    runs: Literal["first", "all"]
    """Which seeds are measured."""
    drop: Annotated[list[Share], BeforeValidator(_unique)]
    """Shares of the points lost in every frame."""
    jitter: Annotated[list[Positive], BeforeValidator(_unique)]
    """Noise, in shoulder widths."""
    occlude: Annotated[list[Share], BeforeValidator(_unique)]
    """Shares of the clip in which a hand, an arm or the face is hidden."""


class Occlusion(Entry):
    """What a model looks at: joints are hidden for a while."""

    variants: Annotated[list[str], Field(min_length=1), BeforeValidator(_unique)]
    clips: Count
    """Test clips that are predicted."""


class Config(Entry):
    """A whole config."""

    results: str
    """The folder of all results; each config needs its own."""
    data: Data
    """The data set."""
    classes: str
    """The file of class names, in the order of their ids."""
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]],
        Field(min_length=1),
        BeforeValidator(_unique),
    ]
    """Seeds; every variant is trained once with each."""
    folds: Annotated[int, Field(ge=3)] | None
    """Folds of a cross-validation by subject; null: the split of the data."""
    imbalance: Annotated[float, Field(gt=1)] | None
    """How many times fewer training clips of the last class than of the first are kept; null: all
    are."""
    cleaning: dict[Name, Cleaning]
    """Ways to clean; a variant takes ``standard`` unless it names another."""
    align: Align
    box: Box
    heatmaps: Heatmaps
    augment: Augment
    semantic: Annotated[WordLlama | Glove, Field(discriminator="source")]
    """Word vectors of the semantic loss."""
    models: Models
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    """Rows that are trained."""
    fusions: dict[Name, Fusion]
    """Rows that are fused of others."""
    claims: list[ClaimEntry]
    """Rows that are compared."""
    testing: Testing
    submission: str | None
    """The row whose probabilities are submitted; null writes no submission."""
    robustness: Robustness | None
    """Accuracy on corrupted test clips; null leaves it out."""
    explain: Occlusion | None
    """What models look at; null leaves it out."""
