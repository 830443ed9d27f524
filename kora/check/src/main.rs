//! `kora-check`: one static file that checks certificates, row proofs and log proofs on a machine without Python.
//!
//! It reads files and prints; every judgement is `kora_seal`'s. Exit codes are those of `kora check`: 0 equivalent,
//! 1 different, 2 not authentic or bad input, 3 not proven, 4 the report could not be printed, 5 needs a person's
//! decision. With `--row-proof` 0 says that the proof holds.

mod arguments;
mod files;

use std::ffi::OsStr;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use arguments::{Arguments, HELP};
use files::{read, read_signed};
use kora_seal::certificate::{Checked, Checker};
use kora_seal::encoding::from_base64;
use kora_seal::envelope::PublicKey;
use kora_seal::error::{Error, Result};
use kora_seal::note::{NoteKey, NOTE_LIMIT_BYTES};
use kora_seal::row_proof::{self, Evidence, RowProof};
use kora_seal::sections;
use kora_seal::signature::sha256_file;
use kora_seal::tlog_proof::{entry_of_digest, TlogProof};

/// Input that was refused.
const REFUSED: u8 = 2;
/// The report found no room.
const TRY_AGAIN: u8 = 4;
const KEY_FILE_LIMIT_BYTES: usize = 4096;
const PROOF_KEY_HEADER: &[u8] = b"sensei-proof-key-1 ";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.iter().any(|word| word == "--help" || word == "-h") {
        return said(HELP, 0);
    }
    if arguments.iter().any(|word| word == "--version") {
        return said(concat!("kora-check ", env!("CARGO_PKG_VERSION"), "\n"), 0);
    }
    match Arguments::parse(&arguments).and_then(|arguments| run(&arguments)) {
        Ok((report, code)) => said(&report, code),
        Err(refusal) => {
            let _ = writeln!(std::io::stderr(), "error: {}", visible(&refusal.to_string()));
            ExitCode::from(REFUSED)
        }
    }
}

/// Prints a report. A reader who went away early has seen enough, and the verdict stands; a report that could not be
/// printed was not given, which says nothing of the file: the exit code is then that of a failed operation.
fn said(report: &str, code: u8) -> ExitCode {
    let mut stdout = std::io::stdout();
    match stdout.write_all(report.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(std::io::stderr(), "error: the report could not be printed: {error}");
            ExitCode::from(TRY_AGAIN)
        }
        _ => ExitCode::from(code),
    }
}

fn run(arguments: &Arguments) -> Result<(String, u8)> {
    let keys = arguments.keys.iter().map(|path| {
        let data = read(path, KEY_FILE_LIMIT_BYTES)?;
        PublicKey::from_text(&data, &path.display().to_string())
    });
    let checker = Checker::new(keys.collect::<Result<_>>()?, arguments.threshold)?;
    let what = arguments.certificate.display().to_string();
    let (data, mut behind) = read_signed(&arguments.certificate)?;
    let checked = checker.check(&data, &what)?;
    sections::hold(&checked.sections, &mut behind, &what)?;
    if let Some(count) = arguments.bench {
        return bench(&checker, &data, &what, count);
    }
    let mut report = format!("authentic: signed by {}\n", checked.key_ids.join(", "));
    if let Some(key) = &arguments.log_key {
        report += &logged(&arguments.certificate, key)?;
    }
    report += &subjects(&checked, arguments.certificate.parent().unwrap_or(Path::new("")))?;
    if let Some(proof) = &arguments.row_proof {
        report += &row(proof, &checked, arguments.auditor_key.as_deref())?;
        return Ok((report, 0));
    }
    let verdict = checked.verdict.as_deref().unwrap_or("none: the file holds no verdict");
    report += &format!("verdict: {verdict}\n");
    Ok((report, checked.exit_code))
}

/// The files that the certificate speaks of, as far as they lie beside it.
fn subjects(checked: &Checked, folder: &Path) -> Result<String> {
    let mut report = String::new();
    for subject in &checked.subjects {
        let path = subject.file.as_ref().map(|name| folder.join(name));
        let state = match path
            .map(|path| standing(&path).map(|there| (path, there)))
            .transpose()?
        {
            None | Some((_, Standing::Nothing)) => "not here, not looked at",
            Some((path, Standing::File)) if sha256_file(&path)? == subject.sha256 => "as certified",
            Some((path, Standing::File)) => {
                return Err(Error::NotAuthentic(format!(
                    "{} is not the file that was certified: it was altered, or belongs to another run",
                    path.display()
                )));
            }
            Some((path, Standing::Other)) => {
                return Err(Error::NotAuthentic(format!(
                    "{} is not the file that was certified: it is no file at all",
                    path.display()
                )));
            }
        };
        report += &format!("{}: {state}\n", visible(&subject.name));
    }
    Ok(report)
}

/// What stands at a path, links followed.
enum Standing {
    Nothing,
    File,
    Other,
}

fn standing(path: &Path) -> Result<Standing> {
    match path.metadata() {
        Ok(facts) if facts.is_file() => Ok(Standing::File),
        Ok(_) => Ok(Standing::Other),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Standing::Nothing),
        Err(source) => Err(Error::File {
            path: path.to_path_buf(),
            source,
        }),
    }
}

fn logged(certificate: &Path, key: &Path) -> Result<String> {
    let text = read(key, KEY_FILE_LIMIT_BYTES)?;
    let key = NoteKey::from_text(&String::from_utf8_lossy(&text), &key.display().to_string())?;
    let path = beside(certificate);
    let what = path.display().to_string();
    let proof = TlogProof::read(&read(&path, NOTE_LIMIT_BYTES * 2)?, &what)?;
    // The log holds the digest of the whole file, sections included.
    let state = proof.check(&entry_of_digest(&sha256_file(certificate)?), &key, &what)?;
    Ok(format!(
        "logged: entry {} of {} in {}; root {}\n",
        proof.index,
        state.size,
        visible(&state.origin),
        kora_seal::encoding::hex(&state.root)
    ))
}

/// Where a certificate's log proof lies.
fn beside(certificate: &Path) -> PathBuf {
    let mut name = certificate.file_name().unwrap_or(OsStr::new("")).to_os_string();
    name.push(".tlog-proof");
    certificate.with_file_name(name)
}

fn row(path: &Path, checked: &Checked, auditor_key: Option<&Path>) -> Result<String> {
    let what = path.display().to_string();
    let proof = RowProof::read(&read(path, row_proof::FILE_LIMIT_BYTES)?, &what)?;
    let key = auditor_key.map(proof_key).transpose()?;
    let named =
        |tree: &&kora_seal::certificate::CertifiedTree| tree.source == proof.source && tree.target == proof.target;
    let tree =
        checked.trees.iter().find(named).ok_or_else(|| {
            Error::NotAuthentic(format!("the certificate vouches for no row tree of {}", proof.source))
        })?;
    proof.check(tree, key.as_ref())?;
    let table = visible(&proof.source);
    Ok(match &proof.evidence {
        Evidence::Inclusion { row, place, .. } => format!(
            "row proof holds: a row of {} bytes was in {table} {} times; KCF-1 {}\n",
            row.len(),
            place.leaf.multiplicity,
            kora_seal::encoding::hex(row)
        ),
        Evidence::Absence { key, .. } => format!(
            "row proof holds: {table} had no row of the key KCF-1 {}\n",
            kora_seal::encoding::hex(key)
        ),
    })
}

fn proof_key(path: &Path) -> Result<[u8; 32]> {
    let data = read(path, KEY_FILE_LIMIT_BYTES)?;
    let what = path.display().to_string();
    let wrong = || Error::malformed(&what, "not a proof key: one line that begins with `sensei-proof-key-1`");
    let line = data.strip_suffix(b"\n").unwrap_or(&data);
    let text = line.strip_prefix(PROOF_KEY_HEADER).ok_or_else(wrong)?;
    from_base64(text, &what)?.try_into().map_err(|_| wrong())
}

/// Checks one certificate many times over, as if each had come for the first time.
fn bench(checker: &Checker, data: &[u8], what: &str, count: u32) -> Result<(String, u8)> {
    let (started, before) = (Instant::now(), processor_seconds());
    for _ in 0..count {
        std::hint::black_box(checker.check(std::hint::black_box(data), what)?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let busy = before
        .zip(processor_seconds())
        .map_or(seconds, |(before, after)| after - before);
    let rate = f64::from(count) / busy.max(1e-9);
    let bytes = data.len();
    let report = format!(
        "{{\"checks\":{count},\"bytes\":{bytes},\"seconds\":{seconds:.6},\"processor_seconds\":{busy:.6},\"checks_per_second\":{rate:.0}}}\n"
    );
    Ok((report, 0))
}

/// What this thread has had of one core so far, as the kernel counts it; None where it does not say.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Text that cannot act on a terminal.
fn visible(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    text.chars().map(plain).collect()
}
