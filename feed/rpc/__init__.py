"""The feed's and the scorer's services over gRPC; the plumbing is `origin.rpc`."""
