//! Raw captures of live connections: what every decoder was given, as recorder v2 files.
//!
//! One series of zstd files per venue and a `bundle.toml`, so that `riptide replay DIR` reads what was
//! written. Readers hand lines over and never wait: what has no room is lost, counted, and said in the
//! capture, where a replay takes it for an end of the connection, so that no book is rebuilt over a
//! hole. Frames with credentials come without them; answers that may hold secrets never come.
//!
//! [`Recording`] starts and ends it, `writer` owns the files.

mod writer;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use connector_net::session::{Tap, Tapped};
use crossbeam_channel::{Sender, bounded};
use engine_model::Venue;

use crate::cli_output::{Exit, Failure};
use writer::{Series, Written};

/// Lines that may wait for a venue's file.
const LINES_MAX: usize = 65_536;
/// Bytes that may wait, over all venues: twelve of the largest snapshots.
const BYTES_MAX: usize = 64 << 20;

/// How files are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordOptions {
    /// A file that has taken so much text is followed by the next. Unit: bytes.
    pub rotate_bytes: u64,
    /// So is one of this age. Unit: seconds.
    pub rotate_s: u64,
}

impl Default for RecordOptions {
    /// 256 MiB of text, or an hour.
    fn default() -> Self {
        Self { rotate_bytes: 256 << 20, rotate_s: 3_600 }
    }
}

/// One line on its way to a file.
struct Line {
    at_ns: u64,
    conn: Arc<str>,
    what: What,
}

/// What a line says.
enum What {
    Connect(String),
    Close,
    Send(String),
    Receive(String),
    Http { url: String, request: String, data: String },
    Lost(u64),
}

impl Line {
    fn bytes(&self) -> usize {
        match &self.what {
            What::Connect(text) | What::Send(text) | What::Receive(text) => text.len(),
            What::Http { url, request, data } => url.len() + request.len() + data.len(),
            What::Close | What::Lost(_) => 0,
        }
    }

    /// The line as the recorder format has it, with its line feed.
    fn write(&self, out: &mut String) {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let (kind, rest) = match &self.what {
            What::Connect(addr) => ("connect", format!(",\"addr\":{}", quote(addr))),
            What::Close => ("close", String::new()),
            What::Send(data) => ("send", format!(",\"data\":{}", quote(data))),
            What::Receive(data) => ("recv", format!(",\"data\":{}", quote(data))),
            What::Http { url, request, data } => {
                let request = if request.is_empty() {
                    String::new()
                } else {
                    format!(",\"request\":{}", quote(request))
                };
                ("http", format!(",\"url\":{}{request},\"data\":{}", quote(url), quote(data)))
            }
            What::Lost(lines) => ("lost", format!(",\"lines\":{lines}")),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{{\"t\":\"{kind}\",\"conn\":{},\"ts\":{}.{:09}{rest}}}",
            quote(&self.conn),
            self.at_ns / 1_000_000_000,
            self.at_ns % 1_000_000_000,
        );
    }
}

/// The way of one venue's lines.
#[derive(Clone)]
struct Way {
    lines: Sender<Line>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

impl Way {
    fn put(&self, line: Line) -> bool {
        let bytes = line.bytes();
        if self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes > BYTES_MAX
            || self.lines.try_send(line).is_err()
        {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// Takes down what one link's decoder is given.
struct LinkTap {
    way: Way,
    conn: Arc<str>,
    http: Arc<str>,
    /// Lines lost since the last one that was taken.
    owed: u64,
}

impl Tap for LinkTap {
    fn tapped(&mut self, at_ns: u64, what: Tapped<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (conn, what) = match what {
            Tapped::Connected(url) => (&self.conn, What::Connect(url.to_owned())),
            Tapped::Closed => (&self.conn, What::Close),
            Tapped::Sent(text) => (&self.conn, What::Send(text.to_owned())),
            Tapped::Received(frame) => (&self.conn, What::Receive(text(frame))),
            Tapped::Http { url, request, body } => {
                let what =
                    What::Http { url: url.to_owned(), request: text(request), data: text(body) };
                (&self.http, what)
            }
        };
        if self.owed > 0 {
            let lost = Line { at_ns, conn: Arc::clone(&self.conn), what: What::Lost(self.owed) };
            if !self.way.put(lost) {
                self.owed += 1;
                return;
            }
            self.owed = 0;
        }
        let line = Line { at_ns, conn: Arc::clone(conn), what };
        if !self.way.put(line) {
            self.owed += 1;
        }
    }
}

/// A recording that goes on.
pub struct Recording {
    dir: PathBuf,
    options: RecordOptions,
    bundle: String,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
    ways: Vec<(Venue, Way)>,
    threads: Vec<(Venue, JoinHandle<std::io::Result<Written>>)>,
}

/// What a recording has left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Files, in order.
    pub files: Vec<String>,
    /// Lines.
    pub lines: u64,
    /// Text before compression. Unit: bytes.
    pub bytes: u64,
    /// Lines that had no room.
    pub lost: u64,
}

fn cannot(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Write,
        format!("cannot write the capture in {}: {error}", dir.display()),
        "name another directory with enough room",
    )
}

impl Recording {
    /// Makes the directory, which must be empty or not there yet.
    ///
    /// # Errors
    ///
    /// [`Failure`] where it cannot be used.
    pub fn start(
        dir: &Path,
        options: RecordOptions,
        config_text: &str,
        config_sets: &[String],
    ) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|error| cannot(dir, &error))?;
        let mut inside = std::fs::read_dir(dir).map_err(|error| cannot(dir, &error))?;
        if inside.next().is_some() {
            return Err(Failure::new(
                Exit::Usage,
                format!("{}: is not empty", dir.display()),
                "name an empty directory; a recording never writes among other files",
            ));
        }
        Ok(Self {
            dir: dir.to_owned(),
            options,
            bundle: bundle_head(config_text, config_sets),
            waiting: Arc::default(),
            lost: Arc::default(),
            ways: Vec::new(),
            threads: Vec::new(),
        })
    }

    fn way(&mut self, venue: Venue) -> Result<Way, Failure> {
        if let Some((_, way)) = self.ways.iter().find(|(known, _)| *known == venue) {
            return Ok(way.clone());
        }
        let (lines, taken) = bounded(LINES_MAX);
        let series = Series::open(&self.dir, venue, self.options);
        let series = series.map_err(|error| cannot(&self.dir, &error))?;
        let waiting = Arc::clone(&self.waiting);
        let name = format!("record-{}", venue.name());
        let builder = std::thread::Builder::new().name(name);
        let thread = builder.spawn(move || series.run(&taken, &waiting));
        let thread = thread.map_err(|error| cannot(&self.dir, &error))?;
        let way = Way { lines, waiting: Arc::clone(&self.waiting), lost: Arc::clone(&self.lost) };
        self.ways.push((venue, way.clone()));
        self.threads.push((venue, thread));
        Ok(way)
    }

    /// The tap of a link.
    ///
    /// # Errors
    ///
    /// [`Failure`] where the venue's file cannot be opened.
    pub fn tap(&mut self, venue: Venue, conn: &str) -> Result<Box<dyn Tap>, Failure> {
        let way = self.way(venue)?;
        let upper = conn.to_uppercase();
        let (conn, http) = (format!("{upper}.ws.1").into(), format!("{upper}.http.1").into());
        Ok(Box::new(LinkTap { way, conn, http, owed: 0 }))
    }

    /// An answer that was fetched before there was a link: what the venue says of its markets.
    ///
    /// # Errors
    ///
    /// As [`Recording::tap`].
    pub fn http(
        &mut self,
        venue: Venue,
        at_ns: u64,
        url: &str,
        body: &[u8],
    ) -> Result<(), Failure> {
        let way = self.way(venue)?;
        let conn = format!("{}.http.1", venue.name().to_uppercase()).into();
        let data = String::from_utf8_lossy(body).into_owned();
        let what = What::Http { url: url.to_owned(), request: String::new(), data };
        way.put(Line { at_ns, conn, what });
        Ok(())
    }

    /// Ends all files and writes the bundle's configuration. The taps must be gone.
    ///
    /// # Errors
    ///
    /// [`Failure`] where something could not be written.
    pub fn finish(self) -> Result<Recorded, Failure> {
        let Self { dir, mut bundle, ways, threads, lost, .. } = self;
        drop(ways);
        let mut recorded = Recorded { lost: lost.load(Ordering::Relaxed), ..Recorded::default() };
        for (venue, thread) in threads {
            let written = thread.join().map_err(|_| {
                Failure::new(Exit::Internal, "a recording thread failed", "please report it")
            })?;
            let written = written.map_err(|error| cannot(&dir, &error))?;
            bundle_capture(&mut bundle, venue, &written.files);
            recorded.lines += written.lines;
            recorded.bytes += written.bytes;
            recorded.files.extend(written.files);
        }
        let path = dir.join("bundle.toml");
        std::fs::write(&path, bundle).map_err(|error| cannot(&dir, &error))?;
        recorded.files.push("bundle.toml".to_owned());
        Ok(recorded)
    }
}

/// The run's configuration with what was set over it: root keys come before the first table.
fn bundle_head(config_text: &str, config_sets: &[String]) -> String {
    let mut text = String::from("# What was recorded, with the configuration of the run.\n");
    if !config_sets.is_empty() {
        let quoted: Vec<String> = config_sets
            .iter()
            .map(|set| serde_json::Value::from(set.as_str()).to_string())
            .collect();
        let _ = writeln!(text, "overrides = [{}]", quoted.join(", "));
    }
    text.push('\n');
    text.push_str(config_text);
    text
}

fn bundle_capture(bundle: &mut String, venue: Venue, files: &[String]) {
    let Some((first, more)) = files.split_first() else { return };
    let more: Vec<String> = more.iter().map(|file| format!("\"{file}\"")).collect();
    let _ = write!(
        bundle,
        "\n[[captures]]\npart = \"live\"\nvenue = \"{}\"\nfile = \"{first}\"\n",
        venue.name()
    );
    if !more.is_empty() {
        let _ = writeln!(bundle, "more = [{}]", more.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use connector_net::Input;
    use connector_net::capture::Capture;

    use super::*;

    /// What was tapped comes back as the same inputs, over several files, and a loss as an end.
    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().expect("a directory");
        let inside = dir.path().join("capture");
        let options = RecordOptions { rotate_bytes: 400, rotate_s: 3_600 };
        let mut recording =
            Recording::start(&inside, options, "", &["a.b=\"c\"".to_owned()]).expect("empty");
        recording.http(Venue::Coinbase, 1, "https://x/products", b"{}").expect("a file");
        let mut tap = recording.tap(Venue::Coinbase, "coinbase").expect("a file");
        tap.tapped(2, Tapped::Connected("wss://x"));
        tap.tapped(3, Tapped::Sent("{\"a\":\"\\u00e9\"}"));
        for number in 0..40_u64 {
            tap.tapped(4 + number, Tapped::Received(format!("{{\"n\":{number}}}").as_bytes()));
        }
        tap.tapped(1_700_000_000_123_456_789, Tapped::Closed);
        drop(tap);
        let recorded = recording.finish().expect("written");
        assert_eq!((recorded.lines, recorded.lost), (44, 0));
        assert!(recorded.files.len() > 3, "{:?}", recorded.files);
        let bundle = std::fs::read_to_string(inside.join("bundle.toml")).expect("it is there");
        assert!(
            bundle.contains("overrides = [\"a.b=\\\"c\\\"\"]") && bundle.contains("more = ["),
            "{bundle}"
        );
        let mut files = recorded.files.iter().filter(|file| file.as_str() != "bundle.toml");
        let mut capture = Capture::open(&inside.join(files.next().expect("one"))).expect("whole");
        for file in files {
            let next = Capture::open(&inside.join(file)).expect("whole");
            capture.append(&next).expect("bounded");
        }
        let records: Vec<_> = capture.records().map(|it| it.expect("a record")).collect();
        assert_eq!(records.len(), 44);
        assert_eq!(records[1].input(), Input::Connected);
        assert_eq!(records[2].input(), Input::Sent("{\"a\":\"\\u00e9\"}".as_bytes()));
        assert_eq!(records[42].input(), Input::Received(b"{\"n\":39}"));
        assert_eq!(records[43].input(), Input::Closed);
        assert_eq!(records[43].recv_ns, 1_700_000_000_123_456_789);
        let refused = Recording::start(&inside, options, "", &[]).err().expect("not empty");
        assert!(refused.says.contains("not empty"), "{refused:?}");
    }

    /// A full channel loses lines and says so before the next one.
    #[test]
    fn what_had_no_room_is_said() {
        let (lines, taken) = bounded(2);
        let way = Way { lines, waiting: Arc::default(), lost: Arc::default() };
        let lost = Arc::clone(&way.lost);
        let mut tap = LinkTap { way, conn: "X.ws.1".into(), http: "X.http.1".into(), owed: 0 };
        for at_ns in 0..5 {
            tap.tapped(at_ns, Tapped::Received(b"frame"));
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3, "each lost line counts once");
        let mut kinds = Vec::new();
        while let Ok(line) = taken.try_recv() {
            kinds.push(matches!(line.what, What::Lost(_)));
        }
        tap.tapped(9, Tapped::Received(b"frame"));
        while let Ok(line) = taken.try_recv() {
            kinds.push(matches!(line.what, What::Lost(3)));
        }
        assert_eq!(kinds, [false, false, true, false]);
    }
}
