//! Files of accounts, as tools and recordings write them.
//!
//! Three shapes are read, each optionally as a zstd stream: `{…,"accounts":[…]}`, a list, and an
//! object whose values are accounts. An account is flat (`{"pubkey","owner","data"}`) or in the form
//! of `solana account` (`{"pubkey","account":{"owner","data"}}`); data is text and encoding, or
//! base64 text alone. `"account":null` states that the chain has no such account.

mod element;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use self::element::{Element, Top};
use crate::data::DataReader;
use crate::input::{self, InputError};

pub use element::EntryProblem;

/// Most accounts of a file: more than a file of that size can hold pools or tick arrays.
pub const ACCOUNTS_MAX: usize = 1 << 18;

/// One account as the chain holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Program that owns it.
    pub owner: Pubkey,
    /// Unit: lamports; not stated by every file.
    pub lamports: Option<u64>,
    /// Content.
    pub data: Vec<u8>,
}

/// What a file says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held<'a> {
    /// The account.
    Account(&'a Account),
    /// The chain has no such account.
    Nonexistent,
    /// The file does not mention the address.
    Unmentioned,
}

/// Why a file of accounts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AccountFileError {
    /// The file's bytes could not be had.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Above [`ACCOUNTS_MAX`].
    #[error("{file}: more than {ACCOUNTS_MAX} accounts")]
    TooMany {
        /// File name.
        file: String,
    },
    /// Not JSON, or cut.
    #[error("{file}: not a JSON file of accounts: {source}")]
    Json {
        /// File name.
        file: String,
        /// Cause, with line and column.
        source: serde_json::Error,
    },
    /// JSON, but in none of the three shapes.
    #[error(
        "{file}: no accounts in it (expected a list, an object with `accounts`, or an object of accounts)"
    )]
    NoAccounts {
        /// File name.
        file: String,
    },
    /// An element of the list that is not an account.
    #[error("{file}: line {line}, byte {offset}: account {entry}: {problem}")]
    Entry {
        /// File name.
        file: String,
        /// 1-based line in the decompressed file.
        line: usize,
        /// Byte in the decompressed file where the element begins.
        offset: usize,
        /// Its address, its name in the file, or its position.
        entry: String,
        /// What is wrong with it.
        problem: EntryProblem,
    },
    /// Two different accounts at one address.
    #[error(
        "{file}: line {line}, byte {offset}: account {pubkey} is in the file twice, with different content"
    )]
    Duplicate {
        /// File name.
        file: String,
        /// 1-based line of the second one.
        line: usize,
        /// Byte where the second one begins.
        offset: usize,
        /// Address.
        pubkey: Pubkey,
    },
}

/// The accounts of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFile {
    file: String,
    accounts: BTreeMap<Pubkey, Option<Account>>,
    unnamed: Vec<(String, Account)>,
    instructions: usize,
}

impl AccountFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`AccountFileError`], which names the file and the line, byte or address.
    pub fn read(path: &Path) -> Result<Self, AccountFileError> {
        Self::parse(&path.display().to_string(), &input::read(path)?)
    }

    /// Reads the bytes of a file; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, AccountFileError> {
        let text = input::unpack(file, bytes)?;
        let top: Top<'_> = serde_json::from_slice(&text)
            .map_err(|source| AccountFileError::Json { file: file.into(), source })?;
        let elements = top.elements(file)?;
        if elements.len() > ACCOUNTS_MAX {
            return Err(AccountFileError::TooMany { file: file.into() });
        }
        let mut read = Self { file: file.into(), ..Self::default() };
        let mut data = DataReader::default();
        let mut lines = LineCounter { text: &text, offset: 0, line: 1 };
        for (position, (name, raw)) in elements.into_iter().enumerate() {
            // The element is a slice of the text.
            let offset = raw.get().as_ptr() as usize - text.as_ptr() as usize;
            let line = lines.line_at(offset);
            read.add(&Place { line, offset, position, name: name.as_deref() }, raw, &mut data)?;
        }
        Ok(read)
    }

    fn add(
        &mut self,
        place: &Place<'_>,
        raw: &RawValue,
        data: &mut DataReader,
    ) -> Result<(), AccountFileError> {
        let fail = |entry: Option<&str>, problem| AccountFileError::Entry {
            file: self.file.clone(),
            line: place.line,
            offset: place.offset,
            entry: entry.or(place.name).map_or_else(
                || format!("number {}", place.position + 1),
                |name| name.chars().take(ENTRY_NAME_MAX).collect(),
            ),
            problem,
        };
        let element: Element<'_> = serde_json::from_str(raw.get())
            .map_err(|error| fail(None, EntryProblem::Shape(shape_text(&error))))?;
        if element.program_id.is_some() && element.owner.is_none() {
            // Collections of fixtures hold instructions beside accounts.
            self.instructions += 1;
            return Ok(());
        }
        let pubkey_text = element.pubkey.clone();
        let named = pubkey_text.as_deref();
        let (pubkey, account) =
            element.into_account(data).map_err(|problem| fail(named, problem))?;
        let Some(pubkey) = pubkey else {
            let name =
                place.name.map_or_else(|| format!("number {}", place.position + 1), Into::into);
            self.unnamed.extend(account.map(|account| (name, account)));
            return Ok(());
        };
        if let Some(before) = self.accounts.get(&pubkey)
            && *before != account
        {
            let (line, offset) = (place.line, place.offset);
            return Err(AccountFileError::Duplicate {
                file: self.file.clone(),
                line,
                offset,
                pubkey,
            });
        }
        self.accounts.insert(pubkey, account);
        Ok(())
    }

    /// What the file is called in messages.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What the file says about an address.
    #[must_use]
    pub fn get(&self, pubkey: &Pubkey) -> Held<'_> {
        match self.accounts.get(pubkey) {
            Some(Some(account)) => Held::Account(account),
            Some(None) => Held::Nonexistent,
            None => Held::Unmentioned,
        }
    }

    /// Accounts with an address, in the order of addresses.
    pub fn iter(&self) -> impl Iterator<Item = (&Pubkey, &Account)> {
        self.accounts.iter().filter_map(|(pubkey, account)| Some((pubkey, account.as_ref()?)))
    }

    /// Addresses that the file states not to exist, in their order.
    pub fn nonexistent(&self) -> impl Iterator<Item = &Pubkey> {
        self.accounts.iter().filter(|(_, account)| account.is_none()).map(|(pubkey, _)| pubkey)
    }

    /// Accounts without an address, by their name or position in the file.
    #[must_use]
    pub fn unnamed(&self) -> &[(String, Account)] {
        &self.unnamed
    }

    /// Elements that were instructions, not accounts.
    #[must_use]
    pub const fn instructions(&self) -> usize {
        self.instructions
    }
}

/// Longest element name in a message. Unit: characters.
const ENTRY_NAME_MAX: usize = 64;

/// Where an element stands.
struct Place<'a> {
    line: usize,
    offset: usize,
    position: usize,
    name: Option<&'a str>,
}

/// Turns ascending byte offsets into lines, reading the text once.
struct LineCounter<'a> {
    text: &'a [u8],
    offset: usize,
    line: usize,
}

impl LineCounter<'_> {
    fn line_at(&mut self, offset: usize) -> usize {
        self.line += memchr::memchr_iter(b'\n', &self.text[self.offset..offset]).count();
        self.offset = offset;
        self.line
    }
}

/// The message of a shape error without its position, which is relative to the element.
fn shape_text(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_string()
}
