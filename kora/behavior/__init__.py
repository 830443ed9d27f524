"""Behaviour: the same inputs on both sides. To be built; until then every result lists it under not_checked."""
