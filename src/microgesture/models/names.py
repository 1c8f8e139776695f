"""Names of networks and of their input streams, for the config and for what builds them."""

GRAPH_MODELS = ("stgcn", "agcn")
"""Networks that take points and an adjacency, not heatmaps."""
GRAPH_STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
HEATMAP_STREAMS = ("joint", "limb", "joint_motion")
