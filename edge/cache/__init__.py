"""The segment cache: HTTP caching rules as pure files, and the node that does what they decide."""
