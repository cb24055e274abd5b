"""From interactions to lists, as they happen."""
