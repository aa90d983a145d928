"""The feedback loop: studies, trials, proposals, what stands out from noise."""
