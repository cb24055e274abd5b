"""Resumable uploads: tus 1.0.0 and the IETF draft on the same resources."""
