//! How long files and functions may be.

use super::source::{code, functions};
use super::{assert_none, rust_below};

/// Lines of a file. 400 is the aim; at 600 a file wants a second look.
const FILE_LINES_MAX: usize = 900;

/// Lines of a function, signature and closing brace included. 70 is the aim.
const FUNCTION_LINES_MAX: usize = 100;

/// Functions that may be longer: file, name, lines, why.
const LONGER: &[(&str, &str, usize, &str)] = &[];

#[test]
fn files_and_functions_stay_readable() {
    let mut findings = Vec::new();
    let mut excused = Vec::new();
    for (path, text) in rust_below(".") {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            findings.push(format!("{path} has {lines} lines, at most {FILE_LINES_MAX}"));
        }
        for function in functions(&code(&text)) {
            if function.lines <= FUNCTION_LINES_MAX {
                continue;
            }
            let excuse = LONGER.iter().find(|row| row.0 == path && row.1 == function.name);
            match excuse {
                Some((_, _, max, _)) if function.lines <= *max => excused.push(function.name),
                _ => findings.push(format!(
                    "{path}:{}: {} has {} lines, at most {FUNCTION_LINES_MAX}",
                    function.line, function.name, function.lines
                )),
            }
        }
    }
    assert_none("too long", &findings);
    for (path, name, ..) in LONGER {
        assert!(excused.iter().any(|e| e == name), "{path}: {name} needs no exception any more");
    }
}
