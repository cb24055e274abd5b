"""What the gateway answers while the feed or the origin is away: the last good videos and the last hot list."""
