"""The head and the search for it: linear maps on readings, solved many at once."""

from headstart.heads.head import Head, HeadSearch, Kind, Reading, Trial

__all__ = ["Head", "HeadSearch", "Kind", "Reading", "Trial"]
