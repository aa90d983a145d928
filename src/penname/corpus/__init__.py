"""From raw posts to clean text: parsing, leftovers, private data, repeats, the split, the tokenizer, `text.json`."""
