"""How a source's values, names and expressions become the target's: pure rules, no IO."""
