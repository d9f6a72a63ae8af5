"""Small data sets of empty files: reading a data set never opens its files."""

from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif"})


def make_files(folder: Path, *names: str) -> Path:
    """Make empty files below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def make_classes(folder: Path, **counts: int) -> Path:
    """Make a folder per class with so many pictures in it."""
    for label, count in counts.items():
        make_files(folder / label, *(f"{number}.jpg" for number in range(count)))
    return folder


def make_table(folder: Path, text: str, name: str = "list.csv", encoding: str = "utf-8") -> Path:
    """Write a table beside the pictures 0.jpg to 9.jpg."""
    make_files(folder, *(f"{number}.jpg" for number in range(10)))
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path
