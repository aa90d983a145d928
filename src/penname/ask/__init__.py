"""Questions to the blog: an index of passages, answers that cite them, related posts."""
