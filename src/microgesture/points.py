"""The orders of points that a skeleton store may hold; its metadata and every layout name one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PointOrder:
    """What a row of points means.

    Attributes
    ----------
    name : str
        With a version: a store of another order can never be taken for this one.
    count : int
        Number of points P in a frame.
    shoulders : tuple of int
        The two shoulders, whose distance is the measure of a person's size.
    head_and_shoulders : tuple of int
        Points whose middle says where a person is.

    """

    name: str
    count: int
    shoulders: tuple[int, int]
    head_and_shoulders: tuple[int, ...]


# BODY_25 0-24, face 25-94, left hand 95-115, right hand 116-136
OPENPOSE = PointOrder("openpose137-v1", 137, (2, 5), (0, 1, 2, 5, 15, 16, 17, 18))
# in the order of Kinect v2: spine base, spine mid, neck, head, left arm, right arm, legs, hands
KINECT = PointOrder("kinect25-v1", 25, (8, 4), (2, 3, 4, 8, 20))

ORDERS = {order.name: order for order in (OPENPOSE, KINECT)}
