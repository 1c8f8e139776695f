"""How people and places look: drawn from streams of their own, blind to what is acted out."""

import colorsys
from dataclasses import dataclass

import numpy as np

SKINS = np.array(
    [
        *([246, 214, 190], [236, 196, 166], [222, 176, 142], [196, 144, 108]),
        *([158, 108, 78], [118, 78, 56], [86, 58, 44]),
    ],
    float,
)
HAIRS = np.array(
    [[34, 28, 26], [52, 38, 30], [84, 58, 38], [124, 88, 54], [182, 146, 92], [150, 150, 150]],
    float,
)


@dataclass(frozen=True)
class Look:
    """Of a subject. Colours (3,) are red, green, blue, 0 to 255."""

    skin: np.ndarray
    hair: np.ndarray
    lips: np.ndarray
    iris: np.ndarray
    style: str  # of the hair: bald, short, full, bob, long
    beard: float  # 0 none to 1
    brows: float  # thickness, cm
    glasses: bool
    cap: np.ndarray | None  # its colour
    girth: float  # of torso and limbs, in times of the mean
    clothes: str  # shirt, tee, jacket, sweater
    cloth: np.ndarray
    under: np.ndarray  # collar, shirt below the jacket
    tie: np.ndarray | None
    stripes: float  # 0 plain to about 0.2


def _vivid(rng: np.random.Generator, saturation: float, value: tuple[float, float]) -> np.ndarray:
    hue, strong = float(rng.uniform()), float(saturation * rng.uniform())
    return 255 * np.array(colorsys.hsv_to_rgb(hue, strong, float(rng.uniform(*value))))


def sample_look(rng: np.random.Generator) -> Look:
    """Draw the look of a subject."""
    tone = rng.uniform(0, len(SKINS) - 1)
    low = int(tone)
    skin = SKINS[low] + (tone - low) * (SKINS[min(low + 1, len(SKINS) - 1)] - SKINS[low])
    skin = np.clip(skin * (1 + 0.03 * rng.standard_normal(3)), 30, 250)
    # dark skin goes with dark hair, and only some age
    hair = HAIRS[int(rng.integers(0, 3 if tone > 3.5 else 6))] * rng.uniform(0.85, 1.15)
    style = str(
        rng.choice(["short", "full", "bob", "long", "bald"], p=[0.38, 0.2, 0.14, 0.2, 0.08])
    )
    bearded = style in ("short", "full", "bald") and rng.uniform() < 0.4
    clothes = str(rng.choice(["shirt", "tee", "jacket", "sweater"], p=[0.25, 0.3, 0.25, 0.2]))
    dark = clothes == "jacket"
    return Look(
        skin=skin,
        hair=hair,
        lips=np.clip(skin * [0.8, 0.5, 0.5] + [18, 6, 10], 0, 255)
        * (1 + 0.05 * rng.standard_normal(3)),
        iris=np.array([[60, 38, 24], [86, 116, 140], [84, 96, 62]])[
            0 if tone > 3 else int(rng.integers(0, 3))
        ].astype(float),
        style=style,
        beard=float(rng.uniform(0.25, 0.8)) if bearded else 0.0,
        brows=float(rng.uniform(0.24, 0.42)),
        glasses=bool(rng.uniform() < 0.2),
        cap=_vivid(rng, 0.8, (0.2, 0.9)) if rng.uniform() < 0.2 else None,
        girth=float(np.exp(rng.normal(0, 0.07))),
        clothes=clothes,
        cloth=_vivid(rng, 0.3 if dark else 0.75, (0.15, 0.4) if dark else (0.25, 0.95)),
        under=_vivid(rng, 0.25, (0.75, 0.98)),
        tie=_vivid(rng, 0.9, (0.2, 0.7)) if dark and rng.uniform() < 0.6 else None,
        stripes=float(rng.uniform(0.06, 0.2)) if rng.uniform() < 0.35 else 0.0,
    )


@dataclass(frozen=True)
class Setting:
    """Of a recording: light, camera and what stands in front of the person."""

    towards: np.ndarray  # (3,) to the light, in the camera's frame
    ambient: float
    direct: float
    tint: np.ndarray  # (3,) gain of red, green, blue
    flicker: float  # spread of the exposure
    grain: float  # spread of the noise, in levels of 255
    crf_shift: int
    wood: np.ndarray  # colour of the table
    microphone: float | None  # where it stands, cm; None: there is none
    thing: str  # what lies at hand: pen, phone, bottle
    thing_at: float  # where it lies, cm to the side
    thing_colour: np.ndarray


def sample_setting(rng: np.random.Generator) -> Setting:
    """Draw the setting of a recording."""
    side, height = rng.uniform(-1.0, 1.0), rng.uniform(0.25, 1.0)
    towards = np.array([np.sin(side), -height, np.cos(side)])
    ambient = float(rng.uniform(0.38, 0.6))
    wood = np.array([[124, 88, 60], [70, 52, 42], [196, 190, 180], [40, 44, 54], [226, 226, 222]])
    return Setting(
        towards=towards / np.linalg.norm(towards),
        ambient=ambient,
        direct=float(rng.uniform(0.9, 1.15)) - ambient + 0.08,
        tint=1 + 0.05 * rng.standard_normal(3),
        flicker=float(rng.uniform(0.0, 0.012)),
        grain=float(rng.uniform(0.5, 3.0)),
        crf_shift=int(rng.integers(-2, 3)),
        wood=wood[int(rng.integers(0, len(wood)))].astype(float),
        microphone=float(rng.uniform(6, 16) * rng.choice([-1, 1])) if rng.uniform() < 0.5 else None,
        thing=str(rng.choice(["pen", "phone", "bottle"])),
        thing_at=float(rng.uniform(8, 22) * rng.choice([-1, 1])),
        thing_colour=_vivid(rng, 0.9, (0.25, 0.95)),
    )
