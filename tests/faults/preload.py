"""What the fork server of these tests loads once: the program with all its engines. Nothing here starts a thread."""

import appliance.cli
import appliance.loading.mariadb_target
import appliance.loading.postgresql
import appliance.output
import appliance.pipeline
import kora.databases.duckdb
import kora.databases.mariadb
import kora.databases.postgresql
import kora.databases.sqlite

__all__ = ["appliance", "kora"]
