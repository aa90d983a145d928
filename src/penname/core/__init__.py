"""What every other folder stands on: errors, events, files, settings, devices, the workspace."""
