"""From an uploaded clip to renditions, pictures and manifests."""
