"""The routes of the public API, one file a noun. Status codes live here and in `edge.gateway.problems` only."""
