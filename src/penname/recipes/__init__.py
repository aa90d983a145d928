"""The settings of each base model, as data."""
