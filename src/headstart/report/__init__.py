"""One self-contained page about a model and its evidence, rendered from plain data."""
