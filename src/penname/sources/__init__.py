"""Where posts come from: sites, databases, backups; nothing else knows."""
