"""Small pieces of HTML: everything that comes from outside is escaped here, in one place."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_DPI = 200
_CSS_PIXELS = 96  # an inch of CSS


@dataclass(frozen=True)
class Section:
    """A part of the page: anchor, title, and its body as HTML."""

    anchor: str
    title: str
    body: str


def marked(text: str) -> str:
    """Escape text and turn what stands between pairs of ``**`` into bold."""
    pieces = [escape(piece) for piece in text.split("**")]
    last = len(pieces) - 1  # a sign without a partner stays what it is
    out = [pieces[0]]
    for place, piece in enumerate(pieces[1:], start=1):
        if place % 2 and place == last:
            out.append(f"**{piece}")
        else:
            out.append(f"<strong>{piece}</strong>" if place % 2 else piece)
    return "".join(out)


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of escaped text; ``kind`` is its CSS class."""
    return f'<p class="{kind}">{marked(text)}</p>' if kind else f"<p>{marked(text)}</p>"


def bullets(lines: Sequence[str]) -> str:
    """A list of escaped lines."""
    return "<ul>" + "".join(f"<li>{marked(line)}</li>" for line in lines) + "</ul>"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    align: str,
    label: str,
    chosen: Sequence[int] = (),
) -> str:
    """Draw a table that scrolls inside its box where the screen is narrow.

    Parameters
    ----------
    head
        Headings, plain text.
    rows
        Cells, HTML.
    align
        One of "l" and "r" a column.
    label
        What the table is, for those who do not see it.
    chosen
        Rows to set off.

    """

    def line(cells: Sequence[str], tag: str, scope: str = "") -> str:
        return "".join(
            f'<{tag}{scope} class="{side}">{cell}</{tag}>'
            for cell, side in zip(cells, align, strict=True)
        )

    headings = line([escape(one) for one in head], "th", ' scope="col"')
    body = "".join(
        f"<tr{' class=chosen' if place in chosen else ''}>{line(cells, 'td')}</tr>"
        for place, cells in enumerate(rows)
    )
    return (
        f'<div class="scroll" role="region" aria-label="{escape(label)}" tabindex="0"><table>'
        f"<thead><tr>{headings}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def picture(path: Path, alt: str, caption: str = "", kind: str = "") -> str:
    """Embed a PNG at the size it was drawn for, with a caption of escaped text."""
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    shown = round(width / _DPI * _CSS_PIXELS)
    image = (
        f'<img alt="{escape(alt)}" width="{width}" height="{height}" style="--w:{shown}px"'
        f' src="data:image/png;base64,{base64.b64encode(data).decode()}">'
    )
    words = f"<figcaption>{marked(caption)}</figcaption>" if caption else ""
    name = f' class="{kind}"' if kind else ""
    box = f'<div class="scroll" role="region" aria-label="{escape(alt)}" tabindex="0">{image}</div>'
    return f"<figure{name}>{box}{words}</figure>"


def page(title: str, head: str, sections: Sequence[Section]) -> str:
    """Put the page together: head, table of contents, numbered sections."""
    entries = "".join(
        f'<li><a href="#{one.anchor}">{escape(one.title)}</a></li>' for one in sections
    )
    body = "".join(
        f'<section id="{one.anchor}"><h2>{escape(one.title)}</h2>{one.body}</section>'
        for one in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f'<header>{head}</header>\n<nav aria-label="Contents"><ol>{entries}</ol></nav>\n'
        '<main><p class="soft wide">Wide tables and figures can be moved sideways.</p>'
        f"{body}</main>\n</body>\n</html>\n"
    )


_CSS = """
:root{--ink:#1d2127;--soft:#5d6570;--line:#dfe3e8;--pale:#f5f7f9;--blue:#0072b2;--orange:#b84a00}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:0 1.1rem 4rem;max-width:54rem;color:var(--ink);background:#fff;
font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header{padding:2.6rem 0 .6rem}
.kicker{margin:0;color:var(--soft);font-size:.82rem;letter-spacing:.07em;text-transform:uppercase}
h1{margin:.1rem 0 .6rem;font-size:clamp(1.7rem,5vw,2.5rem);line-height:1.15;letter-spacing:-.015em;
overflow-wrap:anywhere}
h2{margin:3.2rem 0 .7rem;padding-top:1.1rem;border-top:1px solid var(--line);font-size:1.45rem;
line-height:1.25;letter-spacing:-.01em}
h3{margin:2rem 0 .4rem;font-size:1.05rem}
p{margin:.5rem 0 .9rem;max-width:44rem}
a{color:var(--blue)}
.lead{font-size:1.12rem}
.soft,figcaption,.note{color:var(--soft);font-size:.9rem;line-height:1.5}
.banner{margin:1rem 0;padding:.8rem 1rem;max-width:none;border-left:5px solid var(--orange);
background:#fdf1e7;border-radius:0 6px 6px 0}
.cards{display:grid;grid-template-columns:repeat(4,1fr);gap:.7rem;
margin:1.3rem 0 .6rem;padding:0;list-style:none}
.cards li{padding:.7rem .85rem;background:var(--pale);border-radius:8px}
.cards b{display:block;font-size:1.45rem;line-height:1.25;font-variant-numeric:tabular-nums;
letter-spacing:-.01em}
.cards b small{font-size:.85rem;font-weight:500;color:var(--soft)}
.cards span{color:var(--soft);font-size:.85rem;line-height:1.35;display:block}
.cards .main{background:#e6f1f8;grid-column:span 2}
nav ol{display:flex;flex-wrap:wrap;gap:.35rem .5rem;margin:1rem 0 0;padding:0;list-style:none}
nav a{display:block;padding:.22rem .7rem;border:1px solid var(--line);border-radius:99px;
font-size:.88rem;text-decoration:none;color:var(--ink)}
nav a:hover,nav a:focus{border-color:var(--blue);color:var(--blue)}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;min-width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{padding:.42rem .65rem;border-bottom:1px solid var(--line);vertical-align:top;
text-align:left}
th{color:var(--soft);font-weight:600;font-size:.82rem;white-space:nowrap;
border-bottom:2px solid var(--line);vertical-align:bottom}
.r{text-align:right;white-space:nowrap}
td.l{min-width:9rem}
td.l:first-child{min-width:0}
.chosen td{background:#e6f1f8}
.wide{display:none}
.claim{min-width:13rem;display:block}
.pill{display:inline-block;padding:.05rem .6rem;border-radius:99px;font-size:.82rem;
font-weight:600;white-space:nowrap;color:#fff;background:#666}
.pill.supported{background:var(--blue)}
.pill.refuted{background:var(--orange)}
figure{margin:1.2rem 0 1.6rem}
figure img{display:block;width:var(--w);height:auto;max-width:100%;min-width:calc(var(--w)*.76)}
figure.strip{margin:.2rem 0 1.2rem;border:1px solid var(--line);border-radius:8px;
padding:.7rem .8rem .5rem}
figure.strip figcaption{margin:0 0 .3rem;max-width:none;color:var(--ink);order:-1}
figure.strip{display:flex;flex-direction:column}
figcaption{margin-top:.4rem;max-width:44rem}
ul{padding-left:1.2rem;margin:.5rem 0}
li{margin:.2rem 0}
details{margin:.7rem 0}
summary{cursor:pointer;color:var(--blue)}
pre{overflow-x:auto;padding:.8rem 1rem;background:var(--pale);border-radius:8px;
font:.8rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;margin:.8rem 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
@media (min-width:78rem){body{max-width:70rem;display:grid;grid-template-columns:11rem 54rem;
column-gap:3rem;align-items:start}header{grid-column:2}
nav{grid-column:1;grid-row:2;position:sticky;top:1.5rem;margin-top:3.6rem}
nav ol{display:block;margin:0}nav a{border:0;padding:.22rem 0;color:var(--soft)}
main{grid-column:2;grid-row:2}main section:first-child h2{margin-top:1.4rem}}
@media (max-width:40rem){.cards{grid-template-columns:1fr 1fr}.wide{display:block}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}
figure.strip{padding:.6rem}}
@media print{nav{display:none}section{break-inside:auto}figure,tr{break-inside:avoid}}
"""
