"""Six kinds of leaf on cluttered ground, drawn by this program: pictures to try headstart on.

Each picture is drawn from its own seed, so the same kind and number give the same picture. The
shape of the leaf tells its kind; size, turn, place, colour of the season, light, blur, holes and
the ground vary from picture to picture and tell nothing. No backbone has seen any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = 160
DRAWN_AT = 2 * SIZE

SEASONS = (
    (74, 122, 42),
    (112, 150, 50),
    (196, 168, 52),
    (202, 120, 40),
    (158, 62, 38),
    (96, 84, 46),
)
GROUNDS = (
    ((62, 46, 34), (112, 88, 64)),
    ((58, 82, 40), (104, 128, 66)),
    ((104, 104, 100), (158, 154, 146)),
    ((150, 128, 92), (196, 176, 136)),
    ((54, 50, 46), (92, 84, 72)),
)

Lines = list[np.ndarray]


def draw_birch(rng: np.random.Generator) -> tuple[Lines, Lines]:
    """An oval with a saw's edge."""
    along = np.linspace(0, 1, 90)
    teeth = 1 + 0.09 * ((along * rng.integers(11, 15)) % 1)
    width = rng.uniform(0.30, 0.38) * np.sin(np.pi * along**0.72) ** 0.9 * teeth
    return [_mirror(along, width)], _pinnate_veins(along, width, pairs=6, lean=0.16)


def draw_oak(rng: np.random.Generator) -> tuple[Lines, Lines]:
    """Round lobes on either side, widest past the middle."""
    along = np.linspace(0, 1, 160)
    lobes = 1 + rng.uniform(0.30, 0.40) * np.sin(2 * np.pi * along * rng.uniform(3.8, 4.6) - 1)
    width = rng.uniform(0.25, 0.31) * np.sin(np.pi * along**1.25) ** 0.7 * lobes
    return [_mirror(along, width)], _pinnate_veins(along, width, pairs=4, lean=0.12)


def draw_willow(rng: np.random.Generator) -> tuple[Lines, Lines]:
    """Long and narrow, with a bend."""
    along = np.linspace(0, 1, 80)
    width = rng.uniform(0.085, 0.115) * np.sin(np.pi * along**0.85)
    return [_mirror(along, width)], _pinnate_veins(along, width, pairs=9, lean=0.08)


def draw_maple(rng: np.random.Generator) -> tuple[Lines, Lines]:
    """Five pointed lobes from one point, like a hand."""
    angles = np.linspace(-0.86 * np.pi, 0.86 * np.pi, 260)
    tips = np.array([-2.05, -1.0, 0.0, 1.0, 2.05]) + rng.normal(0, 0.04, 5)
    lengths = np.array([0.46, 0.74, 0.86, 0.74, 0.46]) * rng.normal(1, 0.04, 5)
    near = np.abs(angles[:, None] - tips) / rng.uniform(0.46, 0.54)
    reach = (lengths * np.clip(1 - 0.62 * near, 0.30, 1)).max(axis=1)
    reach *= 1 + 0.07 * np.abs((angles * 4.2) % 1 - 0.5)
    outline = np.stack([reach * np.sin(angles), 0.22 + reach * np.cos(angles)], axis=1)
    veins = [
        np.array([[0, 0.22], [0.9 * r * np.sin(t), 0.22 + 0.9 * r * np.cos(t)]])
        for t, r in zip(tips, lengths, strict=True)
    ]
    return [outline], [*veins, np.array([[0, -0.12], [0, 0.22]])]


def draw_ginkgo(rng: np.random.Generator) -> tuple[Lines, Lines]:
    """A fan with a notch."""
    half = rng.uniform(0.95, 1.25)
    angles = np.linspace(-half, half, 120)
    notch = 1 - rng.uniform(0.25, 0.5) * np.exp(-((angles / 0.07) ** 2))
    reach = 0.82 * notch * (1 + 0.03 * np.sin(angles * 17 + rng.uniform(0, 6)))
    reach *= np.clip((half - np.abs(angles)) * 6, 0.05, 1) ** 0.25
    fan = np.stack([reach * np.sin(angles), 0.1 + reach * np.cos(angles)], axis=1)
    veins = [
        np.array([[0, 0.1], [0.74 * np.sin(t), 0.1 + 0.74 * np.cos(t)]])
        for t in np.linspace(-0.85 * half, 0.85 * half, 15)
    ]
    return [np.vstack([fan, [[0.015, 0.1], [-0.015, 0.1]]])], [*veins, _stem(0.1)]


def draw_rowan(rng: np.random.Generator) -> tuple[Lines, Lines]:
    """Pairs of small leaves along one stalk, and one at the end."""
    pairs = int(rng.integers(4, 7))
    length = rng.uniform(0.26, 0.34)
    along = np.linspace(0, 1, 40)
    leaflet = _mirror(along, 0.19 * np.sin(np.pi * along)) * length
    outlines = [np.add(leaflet, [0, 0.78])]
    for place in np.linspace(0.12, 0.76, pairs):
        for side in (-1, 1):
            turn = side * rng.normal(1.05, 0.08)
            outlines.append(leaflet @ _rotation(turn) + [0, place])
    return outlines, [np.array([[0, -0.1], [0, 1.0]])]


KINDS: dict[str, Callable[[np.random.Generator], tuple[Lines, Lines]]] = {
    "birch": draw_birch,
    "ginkgo": draw_ginkgo,
    "maple": draw_maple,
    "oak": draw_oak,
    "rowan": draw_rowan,
    "willow": draw_willow,
}


def draw_picture(kind: str, number: int) -> Image.Image:
    """Return one picture of a leaf; the same kind and number give the same picture."""
    rng = np.random.default_rng([list(KINDS).index(kind), number])
    picture = _draw_ground(rng)
    picture = _lay_leaf(picture, KINDS[kind], rng)
    for _ in range(rng.integers(0, 4)):
        _draw_blade(picture, rng)
    pixels = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS), dtype=np.float32)
    light = rng.normal(1, 0.13) * rng.normal(1, 0.04, 3) * _slope(SIZE, rng, 0.22)[..., None]
    pixels = pixels * light + rng.normal(0, rng.uniform(1, 7), pixels.shape)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(max(0.0, rng.normal(0.2, 0.5))))


def _mirror(along: np.ndarray, width: np.ndarray) -> np.ndarray:
    right = np.stack([width, along], axis=1)
    return np.vstack([right, right[::-1] * [-1, 1]])


def _pinnate_veins(along: np.ndarray, width: np.ndarray, pairs: int, lean: float) -> Lines:
    veins = [np.array([[0, -0.14], [0, 0.97]])]
    for start in np.linspace(0.1, 0.82, pairs):
        end = min(0.99, start + lean)
        reach = 0.85 * float(np.interp(end, along, width))
        veins += [np.array([[0, start], [side * reach, end]]) for side in (-1, 1)]
    return veins


def _stem(top: float) -> np.ndarray:
    return np.array([[0, top], [0.02, top - 0.3]])


def _rotation(turn: float) -> np.ndarray:
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def _noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return smooth noise between about -1 and 1, with so many cells across."""
    coarse = Image.fromarray(rng.normal(0, 0.5, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((DRAWN_AT, DRAWN_AT), Image.Resampling.BICUBIC))


def _slope(size: int, rng: np.random.Generator, most: float) -> np.ndarray:
    """Return light that falls off in some direction."""
    down, across = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    turn = rng.uniform(0, 2 * np.pi)
    falls: np.ndarray = 1 + rng.uniform(0, most) * (down * np.sin(turn) + across * np.cos(turn))
    return falls


def _draw_ground(rng: np.random.Generator) -> Image.Image:
    dark, bright = (np.array(colour, dtype=np.float32) for colour in GROUNDS[rng.integers(5)])
    rough = sum(_noise(rng, cells) * weight for cells, weight in ((5, 0.5), (24, 0.5), (90, 0.6)))
    mixed = dark + (bright - dark) * np.clip(0.5 + 0.5 * rough, 0, 1)[..., None]
    picture = Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(4, 26)):
        x, y = rng.uniform(0, DRAWN_AT, 2)
        wide, high = rng.uniform(3, 20, 2)
        colour = tuple(int(c) for c in np.clip(rng.normal(0.9, 0.2) * bright, 0, 255))
        draw.ellipse((x + 2, y + 3, x + wide + 2, y + high + 3), fill=tuple(int(c) for c in dark))
        draw.ellipse((x, y, x + wide, y + high), fill=colour)
    for _ in range(rng.integers(0, 9)):
        _draw_blade(picture, rng)
    return picture


def _draw_blade(picture: Image.Image, rng: np.random.Generator) -> None:
    """Draw a blade of grass or a twig: a thin curve across some of the picture."""
    start, bend, end = (
        rng.uniform(0, DRAWN_AT, 2) + step * rng.normal(0, 60, 2) for step in (0, 1, 1)
    )
    way = np.linspace(0, 1, 20)[:, None]
    curve = (1 - way) ** 2 * start + 2 * way * (1 - way) * bend + way**2 * end
    season = np.array(SEASONS[rng.integers(len(SEASONS))]) * rng.uniform(0.5, 1.0)
    points = [tuple(point) for point in curve]
    ImageDraw.Draw(picture).line(
        points, fill=tuple(int(c) for c in season), width=int(rng.integers(2, 6)), joint="curve"
    )


def _lay_leaf(
    ground: Image.Image,
    draw_kind: Callable[[np.random.Generator], tuple[Lines, Lines]],
    rng: np.random.Generator,
) -> Image.Image:
    outlines, veins = draw_kind(rng)
    turn, scale = rng.uniform(0, 2 * np.pi), DRAWN_AT * rng.uniform(0.55, 0.85)
    bend, squeeze = rng.normal(0, 0.16), rng.uniform(0.82, 1.0)
    centre = DRAWN_AT / 2 + rng.normal(0, DRAWN_AT * 0.06, 2)

    def place(points: np.ndarray) -> list[tuple[float, float]]:
        bent = points + np.stack([bend * points[:, 1] ** 2, np.zeros(len(points))], axis=1)
        laid = ((bent - [bend / 3, 0.45]) * [squeeze, 1.0]) @ _rotation(turn) * scale + centre
        return [tuple(point) for point in laid]

    mask = Image.new("L", ground.size)
    drawn = ImageDraw.Draw(mask)
    for outline in outlines:
        drawn.polygon(place(outline), fill=255)
    drawn.line(place(veins[0]), fill=255, width=4)
    for _ in range(max(0, int(rng.normal(0.5, 1.5)))):
        x, y = centre + rng.normal(0, scale * 0.16, 2)
        hole = rng.uniform(3, 11)
        drawn.ellipse((x, y, x + hole, y + hole * rng.uniform(0.6, 1.5)), fill=0)

    season = np.array(SEASONS[rng.integers(len(SEASONS))]) * rng.normal(1, 0.1)
    other = np.array(SEASONS[rng.integers(len(SEASONS))])
    blotches = np.clip(_noise(rng, 6) * rng.uniform(0, 1.2), 0, 1)[..., None]
    grain = 1 + 0.10 * _noise(rng, 60)[..., None]
    body = (season * (1 - blotches) + other * blotches) * grain
    leaf = Image.fromarray(np.clip(body, 0, 255).astype(np.uint8))
    vein = tuple(int(c) for c in np.clip(season * rng.choice([0.72, 1.3]), 0, 255))
    pencil = ImageDraw.Draw(leaf)
    for number, line in enumerate(veins):
        pencil.line(place(line), fill=vein, width=4 if number == 0 else 2)

    shade = mask.filter(ImageFilter.GaussianBlur(5))
    offset = rng.normal(0, 5, 2).astype(int)
    shade = Image.fromarray((np.roll(np.asarray(shade), tuple(offset), (0, 1)) * 0.55).astype("u1"))
    shaded = Image.composite(Image.new("RGB", ground.size, (18, 16, 12)), ground, shade)
    return Image.composite(leaf, shaded, mask)


def draw_leaves(folder: Path, count: int, drawn: Callable[[], None] = lambda: None) -> None:
    """Write `count` pictures of each kind, a folder per kind; `drawn` is called after each."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw_picture(kind, number).save(folder / kind / f"{kind}-{number:03}.jpg", quality=90)
            drawn()
