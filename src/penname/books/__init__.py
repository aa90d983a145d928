"""The shelf for pretraining: clean shards of text from Project Gutenberg's files. A blogger never comes here."""
