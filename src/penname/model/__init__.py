"""The network and its files: weights, formats, the base, the score of a text."""
