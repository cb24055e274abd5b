"""The public API: auth, rate limits, request filtering and routing."""
