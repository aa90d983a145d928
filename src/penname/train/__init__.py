"""Training: settings, batches, loss, optimizers, the loop, plans, adapting to a blog, pretraining a base."""
