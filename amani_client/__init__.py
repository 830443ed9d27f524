"""AMANI, the client for laptops that go where a box cannot (capture, verify, carry, sync): not built yet."""
