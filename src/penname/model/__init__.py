"""The network, the optimizers, the one training loop, checkpoints, generation and scoring."""
