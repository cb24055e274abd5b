"""Congestion control by a model of the path: how fast its bottleneck is, and how far away the other end."""
