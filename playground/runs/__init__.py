"""Runs as the page sees them: found, read, compared, swept, raced, given away and deleted."""
