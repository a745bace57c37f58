//! WebSocket framing (RFC 6455) as a server does it: frames are written as bytes, so that a fault
//! can cut or damage them, and read from whatever bytes have arrived.

/// Text frame.
pub(super) const TEXT: u8 = 1;
/// Binary frame.
pub(super) const BINARY: u8 = 2;
/// Close frame.
pub(super) const CLOSE: u8 = 8;
/// Ping frame.
pub(super) const PING: u8 = 9;
/// Pong frame.
pub(super) const PONG: u8 = 10;

/// Largest payload of a control frame. Source: RFC 6455, 5.5.
const CONTROL_MAX: usize = 125;

/// What ends a connection whose client does not keep to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abuse {
    /// Close code.
    pub code: u16,
    /// Reason in the close frame.
    pub reason: &'static str,
}

const PROTOCOL: u16 = 1002;
const UNSUPPORTED: u16 = 1003;
const NOT_TEXT: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// A frame, or a whole message where it came in fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Text.
    Text(String),
    /// A ping, to be answered with its payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// The client closes, with this code if it gave one.
    Close(Option<u16>),
}

/// Bytes of one unfragmented server frame: header and payload, unmasked.
#[must_use]
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    bytes.push(0x80 | opcode);
    let length = payload.len();
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        bytes.push(short);
    } else if let Ok(medium) = u16::try_from(length) {
        bytes.push(126);
        bytes.extend_from_slice(&medium.to_be_bytes());
    } else {
        bytes.push(127);
        let long = u64::try_from(length).expect("Invariant: a length fits into 64 bits");
        bytes.extend_from_slice(&long.to_be_bytes());
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Bytes of a close frame; a reason that does not fit is cut at a character.
#[must_use]
pub(super) fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    let mut end = reason.len().min(CONTROL_MAX - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    frame(CLOSE, &payload)
}

/// Puts a client's frames together. Holds at most one frame or message of the allowed size, and
/// what one read gave on top.
#[derive(Debug)]
pub(super) struct Reader {
    bytes: Vec<u8>,
    message: Vec<u8>,
    is_fragmented: bool,
    message_max: usize,
}

struct Head {
    is_final: bool,
    opcode: u8,
    mask: [u8; 4],
    start: usize,
    length: usize,
}

impl Reader {
    /// A reader that takes messages of at most `message_max` bytes.
    #[must_use]
    pub(super) const fn new(message_max: usize) -> Self {
        Self { bytes: Vec::new(), message: Vec::new(), is_fragmented: false, message_max }
    }

    /// Takes bytes as they come from the socket.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; none until more bytes have come.
    ///
    /// # Errors
    ///
    /// The client does not keep to the protocol, or to the allowed size.
    pub(super) fn next_message(&mut self) -> Result<Option<Incoming>, Abuse> {
        loop {
            let Some(head) = self.head()? else { return Ok(None) };
            let Some(masked) = self.bytes.get(head.start..head.start + head.length) else {
                return Ok(None);
            };
            let mask = head.mask.iter().cycle();
            let payload: Vec<u8> = masked.iter().zip(mask).map(|(byte, key)| byte ^ key).collect();
            self.bytes.drain(..head.start + head.length);
            if let Some(incoming) = self.take(&head, payload)? {
                return Ok(Some(incoming));
            }
        }
    }

    fn head(&self) -> Result<Option<Head>, Abuse> {
        let [first, second, ..] = self.bytes[..] else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Abuse { code: PROTOCOL, reason: "reserved bits are set" });
        }
        if second & 0x80 == 0 {
            return Err(Abuse { code: PROTOCOL, reason: "a client's frames are masked" });
        }
        let opcode = first & 0x0f;
        let is_final = first & 0x80 != 0;
        let (extra, length) = match second & 0x7f {
            126 => (2, self.number(2)),
            127 => (8, self.number(8)),
            short => (0, Some(u64::from(short))),
        };
        let Some(length) = length else { return Ok(None) };
        let is_control = opcode & 8 != 0;
        if is_control && (length > 125 || !is_final) {
            return Err(Abuse { code: PROTOCOL, reason: "control frames are short and whole" });
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let held = if is_control { 0 } else { self.message.len() };
        if length.saturating_add(held) > self.message_max.max(CONTROL_MAX * usize::from(is_control))
        {
            return Err(Abuse { code: TOO_BIG, reason: "message too big" });
        }
        let start = 2 + extra + 4;
        let Some(mask) = self.bytes.get(start - 4..start) else { return Ok(None) };
        let mask = [mask[0], mask[1], mask[2], mask[3]];
        Ok(Some(Head { is_final, opcode, mask, start, length }))
    }

    /// The extended length, big-endian, of so many bytes.
    fn number(&self, bytes: usize) -> Option<u64> {
        let digits = self.bytes.get(2..2 + bytes)?;
        Some(digits.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    fn take(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Incoming>, Abuse> {
        match head.opcode {
            PING => return Ok(Some(Incoming::Ping(payload))),
            PONG => return Ok(Some(Incoming::Pong)),
            CLOSE => {
                let code = payload.get(..2).map(|it| u16::from_be_bytes([it[0], it[1]]));
                return Ok(Some(Incoming::Close(code)));
            }
            TEXT if !self.is_fragmented => {}
            0 if self.is_fragmented => {}
            BINARY => return Err(Abuse { code: UNSUPPORTED, reason: "text only" }),
            _ => return Err(Abuse { code: PROTOCOL, reason: "unexpected opcode" }),
        }
        self.message.extend_from_slice(&payload);
        self.is_fragmented = !head.is_final;
        if self.is_fragmented {
            return Ok(None);
        }
        let text = String::from_utf8(std::mem::take(&mut self.message));
        text.map(|text| Some(Incoming::Text(text)))
            .map_err(|_| Abuse { code: NOT_TEXT, reason: "not UTF-8" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client's frame: masked with a fixed key.
    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame(first & 0x0f, payload);
        bytes[0] = first;
        bytes[1] |= 0x80;
        let at = bytes.len() - payload.len();
        let mask = [1, 2, 3, 4];
        for (byte, key) in bytes[at..].iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        bytes.splice(at..at, mask);
        bytes
    }

    fn read(reader: &mut Reader, bytes: &[u8]) -> Result<Option<Incoming>, Abuse> {
        reader.push(bytes);
        reader.next_message()
    }

    #[test]
    fn lengths_are_spelt_in_three_ways() {
        for (length, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let bytes = frame(TEXT, &vec![b'x'; length]);
            assert_eq!(bytes.len(), header + length, "{length}");
            let mut reader = Reader::new(100_000);
            let text = "x".repeat(length);
            let seen = read(&mut reader, &client(0x81, text.as_bytes()));
            assert_eq!(seen, Ok(Some(Incoming::Text(text))), "{length}");
        }
    }

    #[test]
    fn a_frame_may_come_byte_by_byte_and_a_message_in_fragments() {
        let mut reader = Reader::new(100);
        let mut bytes = client(0x01, b"ab");
        bytes.extend(client(0x89, b"p"));
        bytes.extend(client(0x80, b"cd"));
        let mut seen = Vec::new();
        for byte in bytes {
            seen.extend(read(&mut reader, &[byte]).expect("as the protocol says"));
        }
        assert_eq!(seen, [Incoming::Ping(b"p".to_vec()), Incoming::Text("abcd".to_owned())]);
    }

    #[test]
    fn abuse_is_named() {
        let code = |bytes: &[u8]| read(&mut Reader::new(8), bytes).map_err(|abuse| abuse.code);
        assert_eq!(code(&frame(TEXT, b"plain")), Err(PROTOCOL));
        assert_eq!(code(&client(0xc1, b"x")), Err(PROTOCOL));
        assert_eq!(code(&client(0x09, b"x")), Err(PROTOCOL));
        assert_eq!(code(&client(0x89, &[0; 126])), Err(PROTOCOL));
        assert_eq!(code(&client(0x80, b"x")), Err(PROTOCOL));
        assert_eq!(code(&client(0x82, b"x")), Err(UNSUPPORTED));
        assert_eq!(code(&client(0x81, &[0xff])), Err(NOT_TEXT));
        assert_eq!(code(&client(0x81, b"123456789")), Err(TOO_BIG));
        assert_eq!(code(&client(0x81, b"12345678")), Ok(Some(Incoming::Text("12345678".into()))));
        // The announced length alone is enough: nothing of that size is ever held.
        assert_eq!(code(&[0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0]), Err(TOO_BIG));
        let mut reader = Reader::new(8);
        assert_eq!(read(&mut reader, &client(0x01, b"12345")), Ok(None));
        let more = read(&mut reader, &client(0x80, b"6789"));
        assert_eq!(more.map_err(|abuse| abuse.code), Err(TOO_BIG));
    }

    #[test]
    fn a_close_frame_holds_code_and_reason() {
        assert_eq!(close_frame(1001, "bye"), [0x88, 5, 0x03, 0xe9, b'b', b'y', b'e']);
        assert_eq!(close_frame(1000, &"é".repeat(100)).len(), 2 + 2 + 122);
        let seen = read(&mut Reader::new(8), &client(0x88, &1000_u16.to_be_bytes()));
        assert_eq!(seen, Ok(Some(Incoming::Close(Some(1000)))));
    }
}
