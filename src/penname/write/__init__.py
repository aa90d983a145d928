"""Writing: sampling, decoding, word balance, what is copied, drafts."""
