"""The demonstration: a made-up district clinic whose database has seen twenty years."""
