"""Files of segments: tables, subtitles, ELAN's annotations and the challenge's forms."""

import zipfile
from xml.etree import ElementTree

import pytest

from microgesture.online.detection_files import (
    eaf,
    parse_columns,
    read_table,
    table,
    vtt,
    write_challenge_zip,
    write_single_csv,
)
from microgesture.online.segments import Segment
from microgesture.utils.errors import InputError

NAMES = ["wave, slowly", "nod <&>"]
SAID = {"r2": [Segment(1, 50, 74, 0.25), Segment(0, 0, 24, 0.75)], "r1": []}


def test_a_table_is_read_back(tmp_path):
    text = table(SAID, NAMES, {"r1": 25.0, "r2": 25.0})
    assert text.splitlines()[1] == 'r2,0,"wave, slowly",0,24,0.000,1.000,0.750000'
    path = tmp_path / "test.csv"
    path.write_text(text)
    assert read_table(path, ["r1", "r2"]) == {"r1": [], "r2": SAID["r2"][::-1]}
    with pytest.raises(InputError, match=r"test.csv, row 2: found r2,0,.*segment of one of the 1"):
        read_table(path, ["r1"])
    path.write_text("a,b\n")
    with pytest.raises(InputError, match="expected the header row recording,class"):
        read_table(path, ["r1"])


def test_subtitles():
    text = vtt([Segment(1, 90_000, 90_024, 0.5)], NAMES, 25.0)
    assert text == "WEBVTT\n\n01:00:00.000 --> 01:00:01.000\nnod &lt;&amp;&gt; (0.50)\n"
    assert vtt([], NAMES, 25.0) == "WEBVTT\n"


def test_annotations_of_elan_are_well_formed_and_overlaps_go_to_a_second_tier():
    segments = [Segment(1, 0, 24), Segment(0, 10, 30), Segment(0, 25, 49)]
    root = ElementTree.fromstring(eaf(segments, NAMES, 25.0, "a.mp4"))
    slots = {one.get("TIME_SLOT_ID"): int(one.get("TIME_VALUE")) for one in root.iter("TIME_SLOT")}
    told = {
        tier.get("TIER_ID"): [
            (
                slots[one.get("TIME_SLOT_REF1")],
                slots[one.get("TIME_SLOT_REF2")],
                one.find("ANNOTATION_VALUE").text,
            )
            for one in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for tier in root.iter("TIER")
    }
    assert told == {
        "gestures": [(0, 1000, NAMES[1]), (1000, 2000, NAMES[0])],
        "gestures 2": [(400, 1240, NAMES[0])],
    }
    assert root.find("HEADER/MEDIA_DESCRIPTOR").get("MEDIA_URL") == "a.mp4"
    assert next(ElementTree.fromstring(eaf([], NAMES, 25.0)).iter("TIER")) is not None


def test_the_challenges_files(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_challenge_zip(tmp_path / name, SAID)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert held == {"r1_prediction.csv": "", "r2_prediction.csv": "0,0,24\n1,50,74\n"}
    columns = parse_columns("Id=recording,from=start,Gesture=name")
    write_single_csv(tmp_path / "one.csv", SAID, NAMES, columns)
    lines = (tmp_path / "one.csv").read_text().splitlines()
    assert lines == ["Id,from,Gesture", 'r2,0,"wave, slowly"', "r2,50,nod <&>"]
    for wrong in ("Id", "Id=what", "=start", "a=start,a=end"):
        with pytest.raises(InputError, match="--columns: found"):
            parse_columns(wrong)
