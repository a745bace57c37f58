//! Rust text with everything blanked that is not code, and what can be found in it.

/// The same text with comments, strings and character literals blanked. Lines stay where they are.
pub(super) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped_to(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn skipped_to(chars: &[char], at: usize) -> usize {
    let next = |ahead: usize| chars.get(at + ahead).copied().unwrap_or(' ');
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next(1) == '/' => {
            chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |n| at + n)
        }
        '/' if next(1) == '*' => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'r' if !in_word && (next(1) == '"' || next(1) == '#') => raw_string_end(chars, at, at + 1),
        'b' if !in_word && next(1) == '"' => string_end(chars, at + 2),
        'b' if !in_word && next(1) == 'r' => raw_string_end(chars, at, at + 2),
        '\'' if next(1) == '\\' => {
            chars[at + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |n| at + 4 + n)
        }
        '\'' if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut end) = (0, at);
    while end + 1 < chars.len() {
        match (chars[end], chars[end + 1]) {
            ('/', '*') => (depth, end) = (depth + 1, end + 2),
            ('*', '/') => (depth, end) = (depth - 1, end + 2),
            _ => end += 1,
        }
        if depth == 0 {
            return end;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// End of `r#"…"#`; `start` when what follows is a raw identifier and no string.
fn raw_string_end(chars: &[char], start: usize, mut at: usize) -> usize {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return start;
    }
    at += 1;
    while at < chars.len() {
        let closes =
            chars[at] == '"' && chars[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        if closes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

/// Whether a character may be part of a word.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words and numbers of blanked code, with the 1-based line and the byte where each begins.
pub(super) fn words(code: &str) -> Vec<(usize, usize, &str)> {
    let mut found = Vec::new();
    let (mut line, mut start) = (1, None);
    for (at, c) in code.char_indices().chain([(code.len(), ' ')]) {
        if is_word(c) {
            start.get_or_insert(at);
            continue;
        }
        if let Some(start) = start.take() {
            found.push((line, start, &code[start..at]));
        }
        line += usize::from(c == '\n');
    }
    found
}

/// Lines with a float literal: `1.5`, `1.`, `1e9`, `1f64`. Not ranges, calls on integers or fields
/// of tuples.
pub(super) fn float_literals(code: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let at = |index: usize| bytes.get(index).copied().map_or(' ', char::from);
    let mut lines = Vec::new();
    for (line, start, word) in words(code) {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        let is_field = start > 0 && at(start - 1) == '.' && (start < 2 || at(start - 2) != '.');
        let has_prefix = ["0x", "0b", "0o"].iter().any(|prefix| word.starts_with(prefix));
        if !is_number || is_field || has_prefix {
            continue;
        }
        let end = start + word.len();
        let has_point = at(end) == '.' && at(end + 1) != '.' && {
            at(end + 1).is_ascii_digit() || !is_word(at(end + 1))
        };
        let digits = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        let has_exponent = digits
            .strip_prefix(['e', 'E'])
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()));
        if has_point || has_exponent || word.ends_with("f32") || word.ends_with("f64") {
            lines.push(line);
        }
    }
    lines
}

/// One function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// 1-based line of `fn`.
    pub(super) line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub(super) lines: usize,
}

/// Every function with a body in blanked code.
pub(super) fn functions(code: &str) -> Vec<Function> {
    let words = words(code);
    let mut found = Vec::new();
    for pair in words.windows(2) {
        let [(line, start, "fn"), (_, name_start, name)] = pair else { continue };
        if code[start + 2..*name_start].trim() != "" {
            continue; // A function pointer type.
        }
        if let Some(end) = body_end(code, *name_start) {
            let lines = 1 + code[*start..end].matches('\n').count();
            found.push(Function { name: (*name).to_owned(), line: *line, lines });
        }
    }
    found
}

/// Behind the closing brace of the body; none for a declaration without one.
fn body_end(code: &str, from: usize) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (at, c) in code[from..].char_indices() {
        match c {
            '(' | '[' if braces == 0 => brackets += 1,
            ')' | ']' if braces == 0 => brackets -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(from + at + 1);
                }
            }
            _ => (),
        }
    }
    None
}

mod tests {
    use super::*;

    #[test]
    fn only_code_is_left() {
        // What the row shows, text, text with the rest blanked.
        for (shows, text, left) in [
            ("line comment", "a // f64\nb", "a       \nb"),
            ("nested block comment", "a /* /* x */ y */ b", "a                 b"),
            ("string with a quote", r#"a "f\"64" b"#, "a         b"),
            ("raw string", r##"a r#"f"64"# b"##, "a           b"),
            ("byte string", r#"a b"f64" b"#, "a        b"),
            ("characters", r"a '\'' 'x' b", "a          b"),
            ("lifetimes", "a<'x>(b: &'x u8)", "a<'x>(b: &'x u8)"),
            ("raw identifier", "r#type", "r#type"),
        ] {
            assert_eq!(code(text), left, "{shows}");
        }
    }

    #[test]
    fn floats_are_told_from_fields_ranges_and_calls() {
        for (text, is_float) in [
            ("let x = 1.5;", true),
            ("let x = 1. ;", true),
            ("let x = 2e9;", true),
            ("let x = 1_000e-3;", true),
            ("let x = 7f64;", true),
            ("for x in 0..1.5 {", true),
            ("for x in 0..15 {", false),
            ("x.0.1", false),
            ("1.max(2)", false),
            ("0x1e9", false),
            ("let e9 = 1_000;", false),
        ] {
            assert_eq!(!float_literals(text).is_empty(), is_float, "{text}");
        }
    }

    #[test]
    fn functions_are_measured_from_name_to_brace() {
        let text = "trait T {\n fn a(&self);\n fn b(x: [u8; 2]) -> fn(u8) {\n  {}\n }\n}\n";
        let b = Function { name: "b".to_owned(), line: 3, lines: 3 };
        assert_eq!(functions(text), [b]);
    }
}
