//! Reads PostgreSQL: the wire, the login, and COPY BINARY.
