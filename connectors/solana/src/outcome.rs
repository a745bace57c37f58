//! What a command says and how it ends.

/// The form of a command's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputForm {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
}

/// What a command writes and its exit code; the caller does the writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutcome {
    /// For standard output, ending in a line feed unless empty.
    pub stdout: String,
    /// For standard error, ending in a line feed unless empty.
    pub stderr: String,
    /// 0: as asked; 1: an answer that says no; 65: a bad file ([`EXIT_BAD_FILE`]).
    pub exit_code: u8,
}

/// Exit code where the given file is cut, damaged or of another kind.
pub const EXIT_BAD_FILE: u8 = 65;
