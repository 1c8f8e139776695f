"""The house style of all figures: colours, shapes, letters, and how a picture is written."""

import logging
import re
import sys
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from microgesture.utils.files import atomic_path

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
# For letters that the first, which comes with matplotlib, lacks; so Latin looks alike everywhere.
FONTS = (
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC",
    "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAexGothic", "Yu Gothic",
    "Malgun Gothic", "Apple SD Gothic Neo", "NanumGothic", "Arial Unicode MS", "Noto Sans",
    "Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI", "Leelawadee UI",
)  # fmt: skip
INK, SOFT, FAINT = "#222222", "#777777", "#DDDDDD"


def installed_fonts(names: Collection[str]) -> list[str]:
    """Of `FONTS` the first and those among ``names``: matplotlib warns of each that is missing."""
    return [FONTS[0], *(font for font in FONTS[1:] if font in names)]


STYLE: dict[Any, Any] = {
    "font.family": installed_fonts(font_manager.get_font_names()),
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

_FIRST = 20
_told: set[str] = set()  # letters that were warned of
# A font without bold letters stands in for itself, which need not be said of every figure.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


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
        _save(figure, path, dpi=200, metadata={"Software": None})
        if pdf:
            figure.set_layout_engine("none")  # what the picture has found a place for stays there
            stated = {"Creator": None, "Producer": None, "CreationDate": None}
            _save(figure, path.with_suffix(".pdf"), metadata=stated)


def _save(figure: Figure, path: Path, **options: Any) -> None:
    """Write a figure; name letters that no font has once, where matplotlib has a line for each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "Glyph ")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, **options)
    missing = set()
    for one in caught:
        if found := re.match(r"Glyph (\d+) ", str(one.message)):
            missing.add(chr(int(found[1])))
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if new := sorted(missing - _told):
        _told.update(new)
        some = "".join(new[:_FIRST]) + (" ..." if len(new) > _FIRST else "")
        print(
            f"warning: {path}: no font here has the letters {some}, drawn as boxes; "
            "install one, such as Noto Sans CJK, remove matplotlib's list of fonts in "
            f"{matplotlib.get_cachedir()} and draw again",
            file=sys.stderr,
        )


def series(place: int) -> dict[str, Any]:
    """Colour, marker and dashes of line number ``place``; no two of the first 27 are the same."""
    colour, marker = SERIES[place % len(SERIES)]
    dashes = ("-", (0, (4, 2)), (0, (1, 1.5)))[place // len(SERIES) % 3]
    return {"color": colour, "marker": marker, "linestyle": dashes}
