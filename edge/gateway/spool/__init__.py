"""Acts that the origin could not take now: kept durably by the gateway, forwarded later under the same event ids."""
