//! What a command leaves behind: results on standard output, errors on standard error, a code.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

/// How a command ends. The table of `riptide --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// As asked.
    Ok = 0,
    /// The answer is no: a mismatch, or a quote that the pool refuses.
    Finding = 1,
    /// The command line.
    Usage = 2,
    /// A data file that is cut, damaged or of another kind.
    BadData = 65,
    /// A file that is not there or may not be read.
    MissingFile = 66,
    /// A venue cannot be reached, or a name not be resolved: another start may go well.
    Unavailable = 69,
    /// A rule of the program was broken.
    Internal = 70,
    /// Output that could not be written.
    Write = 74,
    /// A configuration that does not hold.
    BadConfig = 78,
}

impl Exit {
    /// Every code with its meaning, as `--help` prints it.
    pub const TABLE: &'static str = "\
Exit codes:
  0   as asked
  1   the answer is no: a mismatch, or a quote that fails
  2   the command line is wrong
  65  a data file is cut, damaged or of another kind
  66  a file is missing or cannot be read
  69  a venue cannot be reached, or its name not be resolved; a later start may go well
  70  a rule of the program was broken; what was recorded until then is whole
  74  output could not be written
  78  the configuration does not hold";

    /// The word that stands for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Finding => "finding",
            Self::Usage => "usage",
            Self::BadData => "bad_data",
            Self::MissingFile => "missing_file",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
            Self::Write => "write_error",
            Self::BadConfig => "bad_config",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error as a person reads it: what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    /// What is wrong. One line.
    pub says: String,
    /// What to do about it. One line.
    pub hint: String,
}

/// Form of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// One JSON object on one line.
    Json,
}

impl Failure {
    /// A failure.
    pub fn new(exit: Exit, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, says: says.into(), hint: hint.into() }
    }

    /// A file that cannot be opened or read.
    #[must_use]
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        let kind = error.kind();
        let hint = if kind == io::ErrorKind::NotFound {
            "check the path; it is taken from the current directory"
        } else if kind == io::ErrorKind::PermissionDenied {
            "check the permissions of the file"
        } else {
            "check that it is a regular file"
        };
        Self::new(Exit::MissingFile, format!("{}: {error}", path.display()), hint)
    }

    /// Writes it: two lines on standard error, and in JSON form an object on standard output.
    #[must_use]
    pub fn report(&self, form: Form) -> Exit {
        if form == Form::Json {
            #[derive(Serialize)]
            struct Report<'a> {
                error: &'a str,
                says: &'a str,
                hint: &'a str,
            }
            let report = Report { error: self.exit.name(), says: &self.says, hint: &self.hint };
            if let Err(exit) = write_json(&report) {
                return exit;
            }
        }
        note(&format!("error: {}\nhint: {}\n", self.says, self.hint));
        self.exit
    }
}

/// Writes to standard error. Where even that is closed, nobody is left to be told.
pub fn note(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a finished text to standard output.
///
/// # Errors
///
/// The code to end with: [`Exit::Ok`] when the reader has gone away (`| head`), else
/// [`Exit::Write`], which is then reported.
pub fn write_text(text: &str) -> Result<(), Exit> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|it| write_failed(&it))
}

/// Writes one JSON object and a line feed to standard output.
///
/// # Errors
///
/// As [`write_text`].
pub fn write_json(value: &impl Serialize) -> Result<(), Exit> {
    let text = serde_json::to_string(value).expect("Invariant: reports are plain data") + "\n";
    write_text(&text)
}

/// How a command ends that could not write.
#[must_use]
pub fn write_failed(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Ok;
    }
    note(&format!("error: cannot write the result: {error}\nhint: is the disk full?\n"));
    Exit::Write
}
