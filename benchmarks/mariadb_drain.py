"""Receives the binary rows of one prepared statement and drops them: what the server and the line cost by themselves.

Arguments: port, user, password, database, SELECT. Prints the seconds from connecting on, and the bytes received.
"""

import struct
import sys
import time

import pymysql
from pymysql.constants import COMMAND

_BUFFER_BYTES = 1 << 20
_EOF_PACKET_BYTES = 9


def main() -> None:
    """Prepares, executes, and reads until the packet that ends the rows."""
    port, user, password, database, sql = sys.argv[1:]
    started = time.perf_counter()
    connection = pymysql.connect(host="127.0.0.1", port=int(port), user=user, password=password, database=database)
    statement = _prepare(connection, sql)
    connection._execute_command(COMMAND.COM_STMT_EXECUTE, struct.pack("<IBI", statement, 0, 1))
    received = _drain(connection._sock)
    print(time.perf_counter() - started, received)


def _prepare(connection: pymysql.Connection, sql: str) -> int:
    connection._execute_command(COMMAND.COM_STMT_PREPARE, sql)
    answer = connection._read_packet().get_all_data()
    _, statement, columns = struct.unpack_from("<BIH", answer)
    for _ in range(columns + 1):  # definitions, then their end
        connection._read_packet()
    return int(statement)


def _drain(sock) -> int:  # type: ignore[no-untyped-def]
    """Ends where the last bytes are an EOF packet (length 5, 0xfe): our rows begin with 0 and end in a small number."""
    buffer, last, total = bytearray(_BUFFER_BYTES), b"", 0
    while True:
        count = sock.recv_into(buffer)
        if not count:
            raise ConnectionError("the server closed the line before the rows ended")
        total += count
        last = (last + bytes(buffer[max(0, count - _EOF_PACKET_BYTES) : count]))[-_EOF_PACKET_BYTES:]
        if last[:3] == b"\x05\0\0" and last[4:5] == b"\xfe" and total > 1000:
            return total


if __name__ == "__main__":
    main()
