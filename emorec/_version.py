"""The version of emorec."""

__version__ = "0.2.0"
