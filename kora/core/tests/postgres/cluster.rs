//! A real PostgreSQL for one test program: made in a temporary folder, stopped when dropped.

use kora_core::readers::postgres::{Connection, Settings};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// The suffix of the socket; the server listens on no TCP port.
const PORT: &str = "54321";

/// A running cluster whose superuser is `tester`, without a password.
pub struct Cluster {
    folder: tempfile::TempDir,
    binaries: PathBuf,
}

impl Cluster {
    /// Makes and starts one. Panics with the server's words if that fails.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cluster = Self {
            folder,
            binaries: newest_binaries(),
        };
        let path = cluster.path();
        fs::set_permissions(path, Permissions::from_mode(0o777)).expect("permissions of the folder");
        let data = path.join("data").display().to_string();
        cluster.run(
            "initdb",
            &[
                "-D",
                &data,
                "-U",
                "tester",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "-N",
            ],
        );
        let options = format!(
            "-c listen_addresses= -k {} -p {PORT} -c fsync=off -c timezone=UTC",
            path.display()
        );
        let log = path.join("data/log").display().to_string();
        cluster.run("pg_ctl", &["-D", &data, "-o", &options, "-l", &log, "-w", "start"]);
        cluster
    }

    /// The folder, which the server may read and write too.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A session of the superuser.
    pub fn connect(&self) -> Arc<Mutex<Connection>> {
        self.connect_to("postgres")
    }

    /// A session in one database.
    pub fn connect_to(&self, database: &str) -> Arc<Mutex<Connection>> {
        let host = self.path().display().to_string();
        let pairs = [
            ("host", host.as_str()),
            ("port", PORT),
            ("user", "tester"),
            ("dbname", database),
        ];
        let settings = Settings::from_pairs(pairs.map(|(keyword, value)| (keyword.into(), value.into())));
        Arc::new(Mutex::new(
            Connection::open(&settings.expect("settings")).expect("a session"),
        ))
    }

    /// PostgreSQL refuses to run as root; output goes to a file, for the server would hold a pipe open.
    fn run(&self, program: &str, arguments: &[&str]) {
        let root = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let binary = self.binaries.join(program);
        let mut command = match root {
            Ok(true) => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(binary);
                command
            }
            _ => Command::new(binary),
        };
        let output = self.path().join(format!("{program}.out"));
        let sink = File::create(&output).expect("an output file");
        let errors = sink.try_clone().expect("the same file");
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(sink)
            .stderr(errors)
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "{program}: {}",
            fs::read_to_string(output).unwrap_or_default()
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.path().join("data").display().to_string();
        self.run("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
    }
}

fn newest_binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL; run: apt-get install postgresql");
    let newest = versions
        .flatten()
        .max_by_key(|entry| entry.file_name().to_string_lossy().parse::<u32>().unwrap_or(0));
    newest.expect("a version of PostgreSQL").path().join("bin")
}
