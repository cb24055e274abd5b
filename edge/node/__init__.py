"""The edge's cache node: asks the rules of `edge.cache`, then does what they say over a store and an upstream."""
