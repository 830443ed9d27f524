"""AMANI, the client for laptops at the edge: to be built; nothing here yet."""
