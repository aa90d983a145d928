"""What a user does with a model: write, export."""
