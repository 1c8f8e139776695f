"""Names of the streams: what a network is shown of a clip."""

from typing import Literal

PointStream = Literal["joint", "bone", "joint_motion", "bone_motion"]
"""Of networks that take points."""
HeatmapStream = Literal["joint", "limb", "joint_motion"]
"""Of networks that take heatmaps; `microgesture.heatmaps.draw.strokes` draws them."""
VideoStream = Literal["rgb", "motion"]
"""Of networks that take person crops of a video; see `microgesture.inputs.video`."""
Part = Literal["body", "head", "hands", "left_hand", "right_hand"]
"""Parts of the body that networks on heatmaps may see in boxes of their own."""
BODY: Part = "body"
Backbones = Literal["frozen", "finetuned", "joint"]
"""How the networks of a fused variant's sources are trained."""
