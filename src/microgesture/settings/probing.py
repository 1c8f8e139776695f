"""What a config says about testing, robustness and occlusion."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from microgesture.settings.base import Count, Entry, Positive, Probability, Share, unique


class Testing(Entry):
    """Test-time augmentation."""

    views: Count
    """Temporal views that are averaged where frames are sampled at random; ``align`` has one."""
    flip: bool
    """Whether each view is also tested mirrored."""


class VideoRobustness(Entry):
    """Crops of video that are corrupted on purpose."""

    drop: Annotated[list[Share], BeforeValidator(unique)] = Field(default=[])
    """Shares of the frames lost; the one before stands for each."""
    blur: Annotated[list[Positive], BeforeValidator(unique)] = Field(default=[])
    """Standard deviations of a Gaussian, in sides of the crop."""
    darken: Annotated[list[Probability], BeforeValidator(unique)] = Field(default=[])
    """Shares of the light taken away."""
    occlude: Annotated[list[Probability], BeforeValidator(unique)] = Field(default=[])
    """Shares of the picture hidden by a square."""
    shift: Annotated[list[Count], BeforeValidator(unique)] = Field(default=[])
    """Frames by which the video runs ahead of the skeletons."""


class Robustness(Entry):
    """Test clips that are corrupted on purpose."""

    runs: Literal["first", "all"]
    """Which seeds are measured."""
    drop: Annotated[list[Share], BeforeValidator(unique)]
    """Shares of the points lost in every frame."""
    jitter: Annotated[list[Positive], BeforeValidator(unique)]
    """Noise, in shoulder widths."""
    occlude: Annotated[list[Share], BeforeValidator(unique)]
    """Shares of the clip in which a hand, an arm or the face is hidden."""
    detector: Annotated[list[Share], BeforeValidator(unique)] = Field(default=[])
    """How much of the way to a simulated other detector: points, face, shoulders and hips beside
    where they are, hands missing, scores closer to 1."""
    video: VideoRobustness | None = None
    """Of variants that see video, which are left out without it."""


class RobustnessStep(Entry):
    """What is measured of a trained model on corrupted clips."""

    drop: list[Share] = Field(default=[])
    jitter: list[Positive] = Field(default=[])
    occlude: list[Share] = Field(default=[])
    detector: list[Share] = Field(default=[])
    video: VideoRobustness = VideoRobustness()
    seed: int
    testing: Testing


class OcclusionStep(Entry):
    """How a trained model's clips are occluded."""

    clips: Count = 32
    """How many are chosen at most."""
    groups: Literal["joint", "region"] = "joint"
    """What is hidden at once: each joint alone, or the regions of the body."""
    windows: Count = 8
    """Into how many equal parts each clip's timeline is cut."""
    testing: Testing = Testing(views=1, flip=False)


class Occlusion(Entry):
    """What a model looks at: joints are hidden for a while."""

    variants: Annotated[list[str], Field(min_length=1), BeforeValidator(unique)]
    clips: Count
    """Test clips that are predicted."""
