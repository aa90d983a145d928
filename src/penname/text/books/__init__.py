"""Books into clean documents: Gutenberg's files, from a mirror or a folder, into shards of text."""
