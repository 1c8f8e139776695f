"""Trained decision trees as plain arrays: they are saved like weights and need no scikit-learn."""

from collections.abc import Mapping

import torch
from torch import Tensor

from microgesture.models.base import Classifier

ARRAYS = {
    "roots": torch.int32,
    "below": torch.int32,
    "feature": torch.int32,
    "threshold": torch.float64,
    "first_share": torch.int64,
    "share_class": torch.int32,
    "share": torch.float32,
}
"""Names and types of a forest's arrays."""


class Forest(Classifier):
    """The mean of the class probabilities that trees give.

    The nodes of all trees stand in one list. A leaf's probabilities are stored without zeros: most
    leaves hold a single class.

    Attributes
    ----------
    roots : Tensor, int32 (B,)
        Each tree's first node.
    below : Tensor, int32 (2, nodes)
        Where a clip goes on to, left or right; both come later in the list, and are -1 at a leaf.
    feature : Tensor, int32 (nodes,)
        Which feature a node looks at.
    threshold : Tensor, float64 (nodes,)
        A clip whose feature is at most this goes left.
    first_share : Tensor, int64 (nodes + 1,)
        Where each node's entries begin in ``share_class`` and ``share``; only leaves have any.
    share_class : Tensor, int32 (entries,)
    share : Tensor, float32 (entries,)
        Probability of that class.

    """

    roots: Tensor
    below: Tensor
    feature: Tensor
    threshold: Tensor
    first_share: Tensor
    share_class: Tensor
    share: Tensor

    def __init__(self, arrays: Mapping[str, Tensor], num_classes: int, num_features: int) -> None:
        super().__init__()
        check_arrays(arrays, num_classes, num_features)
        for name in ARRAYS:
            self.register_buffer(name, arrays[name])
        self.num_classes = num_classes

    def leaves(self, x: Tensor) -> Tensor:
        """The leaf of every clip in every tree, int64 (N, B), of features (N, F)."""
        x = x.double()
        here = self.roots.long().expand(len(x), -1)
        while True:
            chosen = torch.gather(x, 1, self.feature[here].long().clamp(min=0))
            side = (chosen > self.threshold[here]).long()
            after = self.below[side, here].long()
            if (after < 0).all():
                return here
            here = torch.where(after < 0, here, after)

    def probabilities(self, x: Tensor) -> Tensor:
        """Class probabilities, float64 (N, K), of features (N, F)."""
        leaves = self.leaves(x).flatten()
        first = self.first_share[leaves]
        count = self.first_share[leaves + 1] - first
        # each leaf's entries one after the other: where they begin, and how far into them
        entry = torch.arange(int(count.sum()), device=x.device)
        entry += torch.repeat_interleave(first - (count.cumsum(0) - count), count)
        trees = len(self.roots)
        clip = torch.repeat_interleave(torch.arange(len(leaves), device=x.device) // trees, count)
        total = torch.zeros(len(x) * self.num_classes, dtype=torch.float64, device=x.device)
        total.index_add_(
            0, clip * self.num_classes + self.share_class[entry], self.share[entry].double()
        )
        return total.view(len(x), self.num_classes) / trees

    def forward(self, x: Tensor) -> Tensor:
        """Logarithms of the class probabilities (N, K), which a softmax gives back."""
        return self.probabilities(x).clamp(min=torch.finfo(torch.float32).tiny).log()

    def size(self) -> int:
        """How many numbers the trees chose: feature and threshold of each fork, and the leaves'."""
        forks = int((self.below[0] >= 0).sum())
        return 2 * forks + len(self.share)


def check_arrays(arrays: Mapping[str, Tensor], num_classes: int, num_features: int) -> None:
    """Refuse arrays that are no forest, with which `Forest` would read beyond them or not end.

    Raises
    ------
    ValueError

    """
    if set(arrays) != set(ARRAYS):
        raise ValueError(f"found {sorted(arrays)}, expected {sorted(ARRAYS)}")
    for name, kind in ARRAYS.items():
        if arrays[name].dtype != kind:
            raise ValueError(f"{name} is {arrays[name].dtype}, expected {kind}")
    feature, below, first = arrays["feature"], arrays["below"].long(), arrays["first_share"]
    nodes, entries = len(feature), len(arrays["share"])
    shapes = {
        "below": (2, nodes),
        "threshold": (nodes,),
        "first_share": (nodes + 1,),
        "share_class": (entries,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {tuple(arrays[name].shape)}, expected {shape}")
    leaf = below < 0
    later = below > torch.arange(nodes)
    roots, classes = arrays["roots"], arrays["share_class"]
    forks = feature[~leaf[0]]
    right = {
        "roots": len(roots) > 0 and bool(((roots >= 0) & (roots < nodes)).all()),
        "below": bool(((leaf | (later & (below < nodes))) & (leaf[0] == leaf[1])).all()),
        "feature": bool(((forks >= 0) & (forks < num_features)).all()),
        "first_share": bool((first.diff() >= 0).all()) and first[[0, -1]].tolist() == [0, entries],
        "share_class": bool(((classes >= 0) & (classes < num_classes)).all()),
    }
    if wrong := [name for name, holds in right.items() if not holds]:
        raise ValueError(f"{wrong[0]} leads out of the trees")
