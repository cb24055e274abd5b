"""Near the viewer: takes uploads in, serves signed segments from a cache, and fronts the public API."""
