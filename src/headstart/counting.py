"""How many there are of something, said to a person."""


def count_things(count: int, one: str, many: str | None = None) -> str:
    """Return `1 file` or `1,200 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
