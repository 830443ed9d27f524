"""The plan of a migration: its model, its file, the planner that proposes it and the rehearsal that tries it."""
