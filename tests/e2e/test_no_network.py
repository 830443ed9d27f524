"""The demonstration needs no network: it passes where there is only loopback, and asks no name server anything."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_INSIDE = """
set -e
ip link set lo up
mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)"
"$2" "$1/name_server.py" "$1/queries" "$1/ready" &
server=$!
for _ in $(seq 100); do [ -e "$1/ready" ] && break; sleep 0.1; done
"$2" -c 'import socket
try: socket.getaddrinfo("probe.example", 80)
except OSError: pass'
cp "$1/queries" "$1/queries-of-the-probe"
: > "$1/queries"
code=0
"$2" -m appliance.demo --out "$1/demo" || code=$?
kill $server
exit $code
"""
_NAME_SERVER = """
import socket, sys
from pathlib import Path
queries, ready = map(Path, sys.argv[1:])
queries.touch()
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 53))
    ready.touch()
    while True:
        question, sender = server.recvfrom(4096)
        with queries.open("a") as file:
            file.write(question[12:].hex() + chr(10))
        server.sendto(question[:2] + bytes.fromhex("8183") + question[4:6] + bytes(6) + question[12:], sender)
"""


def test_the_demonstration_passes_with_loopback_alone_and_asks_no_name_server(tmp_path):
    assert shutil.which("unshare"), "unshare is missing: apt-get install util-linux"
    assert shutil.which("ip"), "ip is missing: apt-get install iproute2"
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    (tmp_path / "name_server.py").write_text(_NAME_SERVER)
    done = subprocess.run(
        ["unshare", "--net", "--mount", "bash", "-c", _INSIDE, "inside", str(tmp_path), sys.executable],
        cwd=ROOT, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "queries-of-the-probe").read_text() != "", "the name server hears nothing at all"
    assert (tmp_path / "queries").read_text() == ""
    assert "equivalent" in done.stdout.lower()
    assert (tmp_path / "demo" / "proof" / "certificate.json").exists()
