"""gRPC between roles: the plumbing that all share (channel, serving, errors, deadlines), and origin's own services."""
