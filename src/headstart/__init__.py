"""headstart: transfer learning that tells you the truth, in minutes, on the machine you have."""

__version__ = "0.1.0"
