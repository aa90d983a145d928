"""Models leave as files that run elsewhere."""
