"""Scoring and its online updates: pure, deterministic, and bounded in memory."""
