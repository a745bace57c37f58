//! Files of accounts, as tools and recordings write them.
//!
//! Three shapes are read, each optionally as a zstd stream: `{…,"accounts":[…]}`, a list, and an
//! object whose values are accounts. An account is flat (`{"pubkey","owner","data"}`) or in the form
//! of `solana account` (`{"pubkey","account":{"owner","data"}}`); data is text and encoding, or
//! base64 text alone. `"account":null` states that the chain has no such account.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use solana_pubkey::Pubkey;

use crate::data::{DataEncoding, DataError, DataReader};
use crate::input::{self, InputError};

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

/// What is wrong with one element.
#[derive(Debug, thiserror::Error)]
pub enum EntryProblem {
    /// Another shape than an account's.
    #[error("{0}")]
    Shape(String),
    /// The address or the owner is no base58 key.
    #[error("{field} {text:?} is not an address")]
    Address {
        /// `pubkey` or `owner`.
        field: &'static str,
        /// What stands there, cut to 64 characters.
        text: String,
    },
    /// The data cannot be decoded.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An encoding that no node writes.
    #[error("unknown data encoding {0:?}")]
    Encoding(String),
    /// `space` and the data differ.
    #[error("{bytes} bytes of data, but `space` says {space}")]
    Space {
        /// Length of the data.
        bytes: usize,
        /// What the file says.
        space: u64,
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

type Named<'a> = (Option<Cow<'a, str>>, &'a RawValue);

/// The whole file, its elements still text.
enum Top<'a> {
    List(Vec<&'a RawValue>),
    Object(Vec<(Cow<'a, str>, &'a RawValue)>),
}

impl<'a> Top<'a> {
    fn elements(self, file: &str) -> Result<Vec<Named<'a>>, AccountFileError> {
        let unnamed = |list: Vec<&'a RawValue>| list.into_iter().map(|raw| (None, raw)).collect();
        let fields = match self {
            Self::List(list) => return Ok(unnamed(list)),
            Self::Object(fields) => fields,
        };
        if let Some((_, list)) =
            fields.iter().find(|(key, raw)| key == "accounts" && raw.get().starts_with('['))
        {
            return serde_json::from_str(list.get())
                .map(unnamed)
                .map_err(|source| AccountFileError::Json { file: file.into(), source });
        }
        if fields.is_empty() || fields.iter().any(|(_, raw)| !raw.get().starts_with('{')) {
            return Err(AccountFileError::NoAccounts { file: file.into() });
        }
        Ok(fields.into_iter().map(|(key, raw)| (Some(key), raw)).collect())
    }
}

impl<'de> Deserialize<'de> for Top<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopVisitor;
        impl<'de> Visitor<'de> for TopVisitor {
            type Value = Top<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or an object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Top<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(raw) = seq.next_element()? {
                    // One above the limit is enough to report it.
                    if list.len() <= ACCOUNTS_MAX {
                        list.push(raw);
                    }
                }
                Ok(Top::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(key), raw)) = map.next_entry()? {
                    if fields.len() <= ACCOUNTS_MAX {
                        fields.push((key, raw));
                    }
                }
                Ok(Top::Object(fields))
            }
        }
        deserializer.deserialize_any(TopVisitor)
    }
}

/// Text that is borrowed from the file unless it holds escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.into())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// One element: an account in either form, or an instruction.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow, default)]
    pubkey: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "stated")]
    account: Stated<'a>,
    #[serde(borrow, default)]
    owner: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<RawData<'a>>,
    #[serde(default)]
    lamports: Option<u64>,
    #[serde(default)]
    space: Option<u64>,
    #[serde(default)]
    program_id: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct RawAccount<'a> {
    #[serde(borrow)]
    owner: Cow<'a, str>,
    #[serde(borrow)]
    data: RawData<'a>,
    #[serde(default)]
    lamports: Option<u64>,
    #[serde(default)]
    space: Option<u64>,
}

/// The field `account` of an element.
#[derive(Default)]
enum Stated<'a> {
    /// It is not there.
    #[default]
    Nothing,
    /// It is null.
    Nonexistent,
    Account(RawAccount<'a>),
}

fn stated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Stated<'de>, D::Error> {
    let account = Option::deserialize(deserializer)?;
    Ok(account.map_or(Stated::Nonexistent, Stated::Account))
}

impl Element<'_> {
    fn into_account(
        self,
        reader: &mut DataReader,
    ) -> Result<(Option<Pubkey>, Option<Account>), EntryProblem> {
        let pubkey = self.pubkey.as_deref().map(|text| address("pubkey", text)).transpose()?;
        let raw = match (self.account, self.owner, self.data) {
            (Stated::Nonexistent, None, None) => {
                let no_key = || EntryProblem::Shape("`account` is null without a `pubkey`".into());
                return Ok((Some(pubkey.ok_or_else(no_key)?), None));
            }
            (Stated::Account(raw), None, None) => raw,
            (Stated::Nothing, Some(owner), Some(data)) => {
                RawAccount { owner, data, lamports: self.lamports, space: self.space }
            }
            _ => {
                let text = "expected either `account`, or `owner` and `data`";
                return Err(EntryProblem::Shape(text.into()));
            }
        };
        let data = reader.read(raw.data.text.as_bytes(), raw.data.encoding()?)?.to_vec();
        if let Some(space) = raw.space
            && space != data.len() as u64
        {
            return Err(EntryProblem::Space { bytes: data.len(), space });
        }
        let owner = address("owner", &raw.owner)?;
        Ok((pubkey, Some(Account { owner, lamports: raw.lamports, data })))
    }
}

fn address(field: &'static str, text: &str) -> Result<Pubkey, EntryProblem> {
    text.parse().map_err(|_| EntryProblem::Address {
        field,
        text: text.chars().take(ENTRY_NAME_MAX).collect(),
    })
}

/// Data as text with an optional encoding: `"…"`, `["…"]` or `["…", "base64"]`.
struct RawData<'a> {
    text: Cow<'a, str>,
    encoding: Option<Cow<'a, str>>,
}

impl RawData<'_> {
    fn encoding(&self) -> Result<DataEncoding, EntryProblem> {
        let name = self.encoding.as_deref().unwrap_or("base64");
        DataEncoding::from_name(name)
            .ok_or_else(|| EntryProblem::Encoding(name.chars().take(ENTRY_NAME_MAX).collect()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawData<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;
        impl<'de> Visitor<'de> for DataVisitor {
            type Value = RawData<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("account data as text, or as a pair of text and encoding")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<RawData<'de>, E> {
                Ok(RawData { text: Cow::Borrowed(text), encoding: None })
            }

            fn visit_str<E>(self, text: &str) -> Result<RawData<'de>, E> {
                Ok(RawData { text: Cow::Owned(text.into()), encoding: None })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawData<'de>, A::Error> {
                let missing = || serde::de::Error::invalid_length(0, &self);
                let Text(text) = seq.next_element()?.ok_or_else(missing)?;
                let encoding = seq.next_element::<Text<'de>>()?.map(|Text(name)| name);
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(RawData { text, encoding })
            }
        }
        deserializer.deserialize_any(DataVisitor)
    }
}
