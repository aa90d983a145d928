"""What was learned, what was copied, how near the style is; the report; the tuning loop."""
