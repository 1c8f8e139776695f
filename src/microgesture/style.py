"""The house style of all figures: colours, shapes, letters, and how a picture is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from microgesture.files import atomic_path

# Okabe and Ito's colours, told apart by colour-blind readers; shapes differ as well.
MARKS = (("#0072B2", "o"), ("#D55E00", "s"), ("#CC79A7", "^"), ("#E69F00", "v"))
FUSION_MARK = ("#009E73", "D")
# For lines that must be told apart one by one, such as the rows of an ablation.
SERIES = (
    *MARKS[:2],
    FUSION_MARK,
    *MARKS[2:],
    ("#56B4E9", "P"),
    ("#222222", "X"),
    ("#7F7F7F", "<"),
    ("#8C564B", ">"),
)
INK, SOFT, FAINT = "#222222", "#777777", "#DDDDDD"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "text.parse_math": False,  # a title's $ is a $
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "figure.dpi": 100,
    "pdf.fonttype": 42,  # letters stay letters, which publishers ask for
}


@contextmanager
def open_figure(
    path: str | Path,
    width: float,
    height: float,
    pdf: bool = False,
    layout: Literal["constrained", "compressed"] = "constrained",
) -> Iterator[Figure]:
    """Open a figure in the house style (inches) and write it as PNG at 200 dots an inch.

    With ``pdf`` it is written beside it as PDF too, for print. Axes of a fixed aspect need the
    ``layout`` "compressed": the other does not see that they are narrower than their place, and
    words beside them may end outside of the picture.
    """
    path = Path(path)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=layout)
        FigureCanvasAgg(figure)
        yield figure
        # Without version and date in the file, the same picture is the same bytes.
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=200, metadata={"Software": None})
        if pdf:
            figure.set_layout_engine("none")  # what the picture has found a place for stays there
            stated = {"Creator": None, "Producer": None, "CreationDate": None}
            with atomic_path(path.with_suffix(".pdf")) as temporary:
                figure.savefig(temporary, metadata=stated)


def series(place: int) -> dict[str, Any]:
    """Colour, marker and dashes of line number ``place``; no two of the first 27 are the same."""
    colour, marker = SERIES[place % len(SERIES)]
    dashes = ("-", (0, (4, 2)), (0, (1, 1.5)))[place // len(SERIES) % 3]
    return {"color": colour, "marker": marker, "linestyle": dashes}
