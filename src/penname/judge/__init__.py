"""What was learned, what was copied, how near the style is: measures and the report."""
