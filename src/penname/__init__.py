"""penname: a private language model that writes under your pen name."""

__version__ = "0.1.0"
