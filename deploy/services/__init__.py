"""The real engines on this machine: fetched once, started on loopback, stopped with who started them.

A user's tool (`make services`) and the tests' at once. Each `start_…(folder)` returns a running `Service`.
"""
