"""From posts and books to a deduplicated, split corpus, to a tokenizer, to batches of tokens."""
