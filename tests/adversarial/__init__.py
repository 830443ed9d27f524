"""The adversarial corpus: ways in which verifiers are wrong about equality, as data, and what each of them says."""
