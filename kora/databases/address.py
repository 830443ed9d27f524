"""A database's URL: parsed once, never printed with its password. Passwords are resolved in `kora.databases.secrets`."""
