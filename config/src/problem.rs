//! What is wrong with a configuration, and what to do about it.

use core::fmt;

/// Most problems that are reported at once; a garbage file has no use for more.
pub const PROBLEMS_MAX: usize = 200;

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the file.
    File {
        /// The file's name, as given.
        name: String,
        /// 1-based line.
        line: u32,
        /// 1-based column. Unit: bytes.
        column: u32,
    },
    /// In an override.
    Set {
        /// `KEY=VALUE`, as given; without the value where that could be a secret.
        text: String,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// The key concerned, with its table: `signal.min_edge_bps`.
    pub key: String,
    /// What is wrong.
    pub says: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File { name, line, .. } => write!(formatter, "{name}:{line}")?,
            Place::Set { text } => write!(formatter, "--set {text}")?,
        }
        write!(formatter, ": {}\nhint: {}", self.says, self.hint)
    }
}

/// Where a node of the configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Offset in the file. Unit: bytes.
    File(usize),
    /// Index of the override.
    Set(usize),
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) says: String,
    pub(crate) hint: String,
}

pub(crate) fn fault(says: impl Into<String>, hint: impl Into<String>) -> Fault {
    Fault { says: says.into(), hint: hint.into() }
}

/// Collects problems and knows how to name their places.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    name: &'t str,
    text: &'t str,
    sets: &'t [String],
    list: Vec<(Option<usize>, Problem)>,
}

impl<'t> Problems<'t> {
    pub(crate) const fn new(name: &'t str, text: &'t str, sets: &'t [String]) -> Self {
        Self { name, text, sets, list: Vec::new() }
    }

    pub(crate) fn add(&mut self, at: At, key: impl Into<String>, fault: Fault) {
        if self.list.len() >= PROBLEMS_MAX {
            return;
        }
        let order = match at {
            At::File(offset) => Some(offset),
            At::Set(_) => None,
        };
        let place = self.place_of(at);
        let problem = Problem { place, key: key.into(), says: fault.says, hint: fault.hint };
        if !self.list.iter().any(|(_, known)| *known == problem) {
            self.list.push((order, problem));
        }
    }

    /// As messages name it.
    pub(crate) fn place_of(&self, at: At) -> Place {
        match at {
            At::File(offset) => self.place(offset),
            At::Set(index) => {
                let text = self.sets.get(index).map_or("", String::as_str);
                let key = text.split_once('=').map_or(text, |(key, _)| key);
                let text = if is_secret_key(key) { key } else { text };
                // Names come from outside: control characters would forge lines.
                let text = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
                Place::Set { text }
            }
        }
    }

    fn place(&self, offset: usize) -> Place {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |it| it + 1);
        let line = before.split(|byte| *byte == b'\n').count();
        Place::File {
            name: self.name.to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.len() - line_start + 1).unwrap_or(u32::MAX),
        }
    }

    /// Whether something is already wrong with this key, so that its value says nothing.
    pub(crate) fn concern(&self, key: &str) -> bool {
        self.list.iter().any(|(_, problem)| problem.key == key)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All problems: those of the file by place, then those of the overrides.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|(offset, _)| offset.unwrap_or(usize::MAX));
        self.list.into_iter().map(|(_, problem)| problem).collect()
    }
}

/// Whether a key asks for a secret itself, not for a reference to one.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let key = key.rsplit('.').next().unwrap_or(key).trim_matches('"').to_ascii_lowercase();
    if key.ends_with("_file") || key.ends_with("_credential") {
        return false;
    }
    let inside =
        ["secret", "password", "passphrase", "apikey", "api_key", "private_key", "mnemonic"];
    inside.iter().any(|word| key.contains(word)) || key == "token" || key.ends_with("_token")
}

/// The hint for a name that is not among `valid`.
pub(crate) fn nearest_hint<'n>(name: &str, valid: impl Iterator<Item = &'n str> + Clone) -> String {
    let nearest = valid
        .clone()
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        // A third of the letters may differ; beyond that a guess only misleads.
        Some((distance, other)) if distance <= 1 + other.len().max(name.len()) / 3 => {
            format!("did you mean \"{other}\"?")
        }
        Some(_) => {
            let list: Vec<&str> = valid.take(24).collect();
            format!("one of: {}", list.join(", "))
        }
        None => "there is none yet".to_owned(),
    }
}

/// A name from outside as it may stand in a message: bounded and without control characters.
pub(crate) fn shown(name: &str) -> String {
    let mut text: String =
        name.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    if name.chars().nth(80).is_some() {
        text.push('…');
    }
    text
}
