"""Programs on this machine write with the model: an interface like OpenAI's, over the functions that `cli` calls."""
