"""Side-by-side measurements: KORA and Sensei beside their peers, in one run, on fixed seeded data."""
