//! What faults do to the frames of one connection: a pure queue between a dialect and its socket.

use std::collections::VecDeque;
use std::sync::Arc;

use super::board::Active;
use super::fault::{Ending, Fault, Noise};
use super::wire;
use crate::market::Rng;

/// A frame that waits for its partner is let go alone after this long. Unit: ns of market time.
const PARTNER_WAIT_NS: u64 = 1_000_000_000;

const MILLISECOND_NS: u64 = 1_000_000;

/// Bytes that are to be written at a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Not before. Unit: Unix nanoseconds.
    pub(crate) due_ns: u64,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is a text frame, which are counted and logged.
    pub(crate) is_text: bool,
    /// What becomes of the connection behind it.
    pub(crate) then: Option<Ending>,
}

/// A fault as this connection meets it.
#[derive(Debug)]
struct Met {
    active: Arc<Active>,
    rng: Rng,
}

#[derive(Debug)]
struct Held {
    text: String,
    until_ns: u64,
    by: Arc<Active>,
}

/// Frames of a connection on their way out.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    queue: VecDeque<Planned>,
    bytes: usize,
    last_due_ns: u64,
    met: Vec<Met>,
    held: Option<Held>,
}

/// What becomes of one text frame.
struct Fate {
    copies: u32,
    delay_ns: u64,
    cut: Option<(usize, Ending)>,
    bytes: Vec<u8>,
}

impl Outgoing {
    /// From now on this fault is met; `seed` is that of fault and connection.
    pub(crate) fn meet(&mut self, active: Arc<Active>, seed: u64) {
        self.met.push(Met { active, rng: Rng::new(seed) });
    }

    /// Bytes that wait.
    pub(crate) const fn waiting_bytes(&self) -> usize {
        self.bytes
    }

    /// A text frame from the dialect.
    pub(crate) fn text(&mut self, now_ns: u64, text: String) {
        self.met.retain(|met| !met.active.is_over(now_ns));
        if self.met.is_empty() && self.held.is_none() {
            return self.plan(now_ns, wire::frame(wire::TEXT, text.as_bytes()), true, None);
        }
        if let Some(held) = self.held.take() {
            held.by.count();
            self.damaged(now_ns, text);
            return self.damaged(now_ns, held.text);
        }
        let swap = self.met.iter_mut().find_map(|met| {
            let is_swap = matches!(met.active.order.fault, Fault::Reorder { .. });
            (is_swap && picks(met, &text)).then(|| Arc::clone(&met.active))
        });
        match swap {
            Some(by) => {
                self.held = Some(Held { text, until_ns: now_ns + PARTNER_WAIT_NS, by });
            }
            None => self.damaged(now_ns, text),
        }
    }

    /// A ping from the dialect.
    pub(crate) fn ping(&mut self, now_ns: u64, payload: &[u8]) {
        self.plan(now_ns, wire::frame(wire::PING, payload), false, None);
    }

    /// The dialect closes the connection.
    pub(crate) fn close(&mut self, now_ns: u64, code: u16, reason: &str) {
        self.release(u64::MAX, now_ns);
        self.plan(now_ns, wire::close_frame(code, reason), false, Some(Ending::Fin));
    }

    /// The next frame that is due.
    pub(crate) fn take(&mut self, now_ns: u64) -> Option<Planned> {
        self.release(now_ns, now_ns);
        if self.queue.front()?.due_ns > now_ns {
            return None;
        }
        let planned = self.queue.pop_front()?;
        self.bytes -= planned.bytes.len();
        Some(planned)
    }

    /// When there is something to do next. Unit: Unix nanoseconds.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        let front = self.queue.front().map(|planned| planned.due_ns);
        let held = self.held.as_ref().map(|held| held.until_ns);
        front.into_iter().chain(held).min()
    }

    /// Forgets all that waits.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
        self.held = None;
    }

    /// Lets a frame go that has waited for its partner until `by_ns`.
    fn release(&mut self, by_ns: u64, now_ns: u64) {
        if let Some(held) = self.held.take_if(|held| held.until_ns <= by_ns) {
            self.damaged(now_ns, held.text);
        }
    }

    fn damaged(&mut self, now_ns: u64, text: String) {
        let Fate { copies, delay_ns, cut, bytes } = fate(&mut self.met, text);
        for _ in 0..copies {
            let mut frame = wire::frame(wire::TEXT, &bytes);
            let mut then = None;
            if let Some((length, ending)) = cut {
                frame.truncate(length);
                then = Some(ending);
            }
            self.plan(now_ns + delay_ns, frame, true, then);
        }
    }

    /// Queues bytes; nothing overtakes what is queued already, as in any byte stream.
    fn plan(&mut self, due_ns: u64, bytes: Vec<u8>, is_text: bool, then: Option<Ending>) {
        let due_ns = due_ns.max(self.last_due_ns);
        self.last_due_ns = due_ns;
        self.bytes += bytes.len();
        self.queue.push_back(Planned { due_ns, bytes, is_text, then });
    }
}

/// Whether a fault picks this frame; where it counts frames, this one is taken off.
fn picks(met: &mut Met, text: &str) -> bool {
    let Some(pick) = met.active.order.fault.pick() else { return false };
    if !pick.contains.is_empty() && !text.contains(&pick.contains) {
        return false;
    }
    if pick.one_in > 1 && met.rng.below(u64::from(pick.one_in)) != 0 {
        return false;
    }
    met.active.take_one()
}

/// Every fault but the swap of two frames, in the order in which they came.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "each kind of fault has one place; elsewhere it is nobody's business"
)]
fn fate(met: &mut [Met], text: String) -> Fate {
    let mut fate = Fate { copies: 1, delay_ns: 0, cut: None, bytes: Vec::new() };
    let mut bytes: Option<Vec<u8>> = None;
    for met in met {
        if matches!(met.active.order.fault, Fault::Reorder { .. }) || !picks(met, &text) {
            continue;
        }
        met.active.count();
        let rng = &mut met.rng;
        match &met.active.order.fault {
            Fault::Delay { by_ms, jitter_ms, .. } => {
                let ms = u64::from(*by_ms) + rng.below(u64::from(*jitter_ms) + 1);
                fate.delay_ns += ms * MILLISECOND_NS;
            }
            Fault::Drop { .. } => fate.copies = 0,
            Fault::Duplicate { .. } => fate.copies *= 2,
            Fault::Truncate { .. } => {
                let bytes = bytes.get_or_insert_with(|| text.as_bytes().to_vec());
                let at = rng.below(bytes.len().max(1) as u64);
                let mut at = usize::try_from(at).unwrap_or(0);
                while at > 0 && bytes[at] & 0xc0 == 0x80 {
                    at -= 1;
                }
                bytes.truncate(at);
            }
            Fault::Mutate { bytes: count, with, .. } => {
                let bytes = bytes.get_or_insert_with(|| text.as_bytes().to_vec());
                (0..*count).for_each(|_| mutate(bytes, *with, rng));
            }
            Fault::CutFrame { then, .. } => {
                // Somewhere behind the header, and before the last byte.
                let length = wire::frame(wire::TEXT, text.as_bytes()).len() as u64;
                let at = 2 + rng.below(length.saturating_sub(2).max(1));
                let then = if *then == Ending::Close { Ending::Fin } else { *then };
                fate.cut = Some((usize::try_from(at).unwrap_or(2), then));
            }
            _ => {}
        }
    }
    fate.bytes = bytes.unwrap_or_else(|| text.into_bytes());
    fate
}

fn mutate(bytes: &mut [u8], with: Noise, rng: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap_or(0);
    let below = |rng: &mut Rng, bound: u64| u8::try_from(rng.below(bound)).unwrap_or(0);
    match with {
        // Another printable character than the one that stood there; a byte of a longer character
        // is left alone, so that the frame stays text.
        Noise::Printable => {
            if bytes[at].is_ascii() {
                let shift = 1 + below(rng, 93);
                let old = bytes[at].clamp(b' ', b'~') - b' ';
                bytes[at] = b' ' + (old + shift) % 95;
            }
        }
        Noise::Bytes => bytes[at] ^= 1 + below(rng, 255),
        Noise::Digits => {
            let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return;
            }
            let nth = usize::try_from(rng.below(digits as u64)).unwrap_or(0);
            let shift = 1 + below(rng, 9);
            if let Some(digit) = bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).nth(nth) {
                *digit = b'0' + (*digit - b'0' + shift) % 10;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::fault::{FaultOrder, Pick};

    const NOW: u64 = 1_000_000_000_000;

    fn with(faults: &[Fault]) -> Outgoing {
        let mut outgoing = Outgoing::default();
        for (number, fault) in faults.iter().enumerate() {
            let order = FaultOrder::new("x", fault.clone(), 1_000);
            outgoing.meet(Arc::new(Active::new(number as u64, order, NOW)), 7);
        }
        outgoing
    }

    /// Payloads that are due, of short unmasked frames.
    fn sent(outgoing: &mut Outgoing, now_ns: u64) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| outgoing.take(now_ns)).map(|it| it.bytes[2..].to_vec()).collect()
    }

    fn run(fault: &Fault, texts: &[&str]) -> Vec<String> {
        let mut outgoing = with(std::slice::from_ref(fault));
        for text in texts {
            outgoing.text(NOW, (*text).to_owned());
        }
        let sent = sent(&mut outgoing, NOW);
        sent.into_iter().map(|bytes| String::from_utf8(bytes).expect("text")).collect()
    }

    #[test]
    fn frames_are_lost_doubled_and_swapped() {
        let pick = |contains: &str, count| Pick { count, one_in: 1, contains: contains.to_owned() };
        let cases = [
            (Fault::Drop { pick: pick("", 1) }, vec!["b", "c"]),
            (Fault::Drop { pick: pick("b", 0) }, vec!["a", "c"]),
            (Fault::Duplicate { pick: pick("b", 1) }, vec!["a", "b", "b", "c"]),
            (Fault::Duplicate { pick: pick("", 0) }, vec!["a", "a", "b", "b", "c", "c"]),
            (Fault::Reorder { pick: pick("", 1) }, vec!["b", "a", "c"]),
            (Fault::Reorder { pick: pick("b", 1) }, vec!["a", "c", "b"]),
        ];
        for (fault, expected) in cases {
            assert_eq!(run(&fault, &["a", "b", "c"]), expected, "{fault:?}");
        }
    }

    #[test]
    fn a_frame_without_a_partner_goes_alone_after_a_while() {
        let mut outgoing = with(&[Fault::Reorder { pick: Pick::default() }]);
        outgoing.text(NOW, "a".to_owned());
        assert_eq!(outgoing.next_due_ns(), Some(NOW + PARTNER_WAIT_NS));
        assert_eq!(sent(&mut outgoing, NOW + PARTNER_WAIT_NS - 1), Vec::<Vec<u8>>::new());
        assert_eq!(sent(&mut outgoing, NOW + PARTNER_WAIT_NS), [b"a".to_vec()]);
    }

    #[test]
    fn late_frames_hold_up_those_behind_them() {
        let pick = Pick { contains: "a".to_owned(), ..Pick::default() };
        let mut outgoing = with(&[Fault::Delay { by_ms: 30, jitter_ms: 0, pick }]);
        outgoing.text(NOW, "a".to_owned());
        outgoing.text(NOW, "b".to_owned());
        let late = NOW + 30 * MILLISECOND_NS;
        assert!(sent(&mut outgoing, late - 1).is_empty());
        assert_eq!(outgoing.waiting_bytes(), 6);
        assert_eq!(sent(&mut outgoing, late), [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(outgoing.waiting_bytes(), 0);
    }

    #[test]
    fn damage_is_seeded_and_as_large_as_asked() {
        let text = r#"{"price":"77.42","é":1}"#;
        let cut = run(&Fault::Truncate { pick: Pick::default() }, &[text]);
        assert!(cut[0].len() < text.len() && text.starts_with(&cut[0]), "{cut:?}");
        for with in [Noise::Printable, Noise::Digits] {
            let fault = Fault::Mutate { bytes: 1, with, pick: Pick::default() };
            let (one, two) = (run(&fault, &[text]), run(&fault, &[text]));
            assert_eq!(one, two, "the same seed does the same");
            let others = one[0].bytes().zip(text.bytes()).filter(|(a, b)| a != b).count();
            assert_eq!((one[0].len(), others), (text.len(), 1), "{with:?} {one:?}");
        }
        let fault = Fault::Mutate { bytes: 1, with: Noise::Digits, pick: Pick::default() };
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text);
        assert!(value(&run(&fault, &[text])[0]).is_ok(), "digits leave the frame sound");
    }

    #[test]
    fn a_cut_frame_lacks_its_end_and_ends_the_connection() {
        let fault = Fault::CutFrame { then: Ending::Reset, pick: Pick::default() };
        let mut outgoing = with(&[fault]);
        outgoing.text(NOW, "x".repeat(100));
        let planned = outgoing.take(NOW).expect("due");
        assert!((2..102).contains(&planned.bytes.len()), "{}", planned.bytes.len());
        assert_eq!((planned.bytes[1], planned.then), (100, Some(Ending::Reset)));
    }

    #[test]
    fn a_fault_ends_and_counts_what_it_did() {
        let order =
            FaultOrder::new("x", Fault::Drop { pick: Pick { count: 0, ..Pick::default() } }, 5);
        let active = Arc::new(Active::new(0, order, NOW));
        let mut outgoing = Outgoing::default();
        outgoing.meet(Arc::clone(&active), 1);
        outgoing.text(NOW, "a".to_owned());
        outgoing.text(NOW + 5 * MILLISECOND_NS - 1, "b".to_owned());
        outgoing.text(NOW + 5 * MILLISECOND_NS, "c".to_owned());
        assert_eq!(sent(&mut outgoing, u64::MAX), [b"c".to_vec()]);
        assert_eq!(active.applied(), 2);
    }

    #[test]
    fn one_in_so_many_is_about_that() {
        let pick = Pick { count: 0, one_in: 10, contains: String::new() };
        let mut outgoing = with(&[Fault::Drop { pick }]);
        (0..1_000).for_each(|_| outgoing.text(NOW, "a".to_owned()));
        let left = sent(&mut outgoing, NOW).len();
        assert!((860..940).contains(&left), "{left}");
    }
}
