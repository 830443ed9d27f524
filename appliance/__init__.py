"""The box: carries out migrations, stage by stage, and keeps their records."""
