"""Times and sizes as people type and read them."""

from __future__ import annotations

import math
import re

from headstart.errors import UserError

SECONDS = {"s": 1, "m": 60, "h": 3600}
BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_time(text: str) -> float:
    """Return seconds from `90`, `90s`, `10m`, `1h` or `1h30m`."""
    written = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", written):
        seconds = float(written)
    else:
        whole = re.fullmatch(r"(\d+(\.\d+)?[hms])+", written)
        parts = re.findall(r"(\d+(?:\.\d+)?)([hms])", written) if whole else []
        seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
    if not 0 < seconds < math.inf:
        raise UserError(
            f"'{text}' is not a length of time.",
            "Write seconds, minutes or hours, such as --time 90s, --time 10m or --time 1h30m.",
        )
    return seconds


def parse_size(text: str) -> int:
    """Return bytes from `500M`, `2G`, `20GB`, `16GiB` (of 1024s) or a plain number of bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None:
        raise UserError(
            f"'{text}' is not a size.", "Write bytes with a unit, such as 500M, 2G or 20G."
        )
    factor = BYTES[match[2]]
    if match[3]:
        factor = 1024 ** list(BYTES).index(match[2])
    return int(float(match[1]) * factor)


def say_time(seconds: float) -> str:
    """Return a length of time as a person says it: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def say_size(size: float) -> str:
    """Return a number of bytes as a person says it, in thousands: `14 MB`, `2.3 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if size >= 9.95 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
