"""Servers of a later Debian suite, run from a folder of their own: nothing of them is installed into this system.

A package and every library it needs are fetched with apt under lists and a (void) package state of their own, unpacked
side by side, and started through that folder's own dynamic loader, so that they never meet this system's libraries.
What apt fetches it checks against the archive's signature. As root the folders stand under /var/cache, since servers
run as a user who may not enter root's home; else in the user's own cache.

    python -m tests.debian_suite mysql      fetches the newest that the suite has, and says where it is
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SUITE, MIRROR = "sid", "http://deb.debian.org/debian"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_UNUSED = re.compile(r"^(?:lib)?perl")
"""Packages that only maintainers' scripts need."""
PACKAGES = {
    "mysql": ("mysql-server-core", "mysql-client-core"),
    "mariadb": ("mariadb-server-core", "mariadb-client-core"),
}
"""What is fetched by the name of a server; the first one gives the version."""
_ALONE = {"mysql": (), "mariadb": ("mariadb-server",)}
"""Packages of whose files some are wanted (plugins), without what they need."""


@dataclass(frozen=True)
class Unpacked:
    """A folder that holds packages of another suite."""

    root: Path

    def path(self, inside: str) -> Path:
        """A file of the packages; `inside` without a slash in front."""
        return self.root / inside

    def program(self, inside: str) -> list[str]:
        """The beginning of a command that runs one of its programs with its own libraries."""
        loader = next(self.root.glob("usr/lib/*/ld-linux-*.so.*"))
        libraries = f"{loader.parent}:{loader.parent / 'mysql/private'}"
        return [str(loader), "--library-path", libraries, str(self.path(inside))]


def cache_folder() -> Path:
    """Where servers are kept, outside every checkout."""
    if os.geteuid() == 0:
        return Path("/var/cache/sensei/servers")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensei" / "servers"


def unpacked(name: str) -> Unpacked:
    """The server that was fetched last; fails with the command that fetches one."""
    current = cache_folder() / name / "current"
    if not current.exists():
        raise RuntimeError(f"{name} of Debian {SUITE} is not here; run: python -m tests.debian_suite {name}")
    return Unpacked(current.resolve())


def fetch(name: str) -> Unpacked:
    """The newest version that the suite has, from the cache where it is there already."""
    kept = cache_folder() / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apt-") as folder:
        apt = _Apt(Path(folder), kept.parent / "lists")
        apt.run("apt-get", "update", "--quiet")
        version = apt.candidate(PACKAGES[name][0])
        root = kept / version
        if not root.exists():
            apt.run("apt-get", "--yes", "--quiet", "--download-only", "install", *PACKAGES[name])
            for package in _ALONE[name]:
                apt.run("apt-get", "--quiet", "download", package)
            _unpack(sorted((apt.folder / "cache/archives").glob("*.deb")), root)
    link = kept / f"current.{os.getpid()}"
    link.symlink_to(root.name)
    link.replace(kept / "current")
    for older in kept.iterdir():
        if older.is_dir() and not older.is_symlink() and older != root:
            shutil.rmtree(older)
    return Unpacked(root)


def _unpack(archives: list[Path], root: Path) -> None:
    """All archives into one folder, which gets its name when it is whole."""
    growing = Path(tempfile.mkdtemp(prefix="growing-", dir=root.parent))
    for archive in archives:
        if not _UNUSED.match(archive.name):
            subprocess.run(["dpkg-deb", "--extract", str(archive), str(growing)], check=True)
    growing.chmod(0o755)
    growing.rename(root)


class _Apt:
    """apt with its own lists, cache and idea of what is installed: nothing, so that every library is fetched."""

    def __init__(self, folder: Path, lists: Path) -> None:
        self.folder = folder
        for made in (folder / "cache/archives/partial", lists / "partial"):
            made.mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {MIRROR} {SUITE} main\n")
        settings = {
            "Dir::Etc::SourceList": folder / "sources.list",
            "Dir::Etc::SourceParts": "-",
            "Dir::State::Lists": lists,
            "Dir::State::Status": folder / "status",
            "Dir::Cache": folder / "cache",
            "APT::Install-Recommends": "0",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Debug::NoLocking": "1",
        }
        self._options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]

    def run(self, program: str, *words: str) -> str:
        """Runs one of apt's programs; its words are shown only where it fails."""
        environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run([program, *self._options, *words], capture_output=True, text=True, env=environment,
                              cwd=self.folder / "cache/archives")  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def candidate(self, package: str) -> str:
        """The version that would be installed, as a folder may be called."""
        found = re.search(r"Candidate: (\S+)", self.run("apt-cache", "policy", package))
        if found is None or found[1] == "(none)":
            raise RuntimeError(f"Debian {SUITE} has no package {package} for this architecture now")
        return found[1].replace(":", "_")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or PACKAGES:
        print(f"{wanted}: {fetch(wanted).root}")
