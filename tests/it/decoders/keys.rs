//! The order of keys and the whitespace between tokens mean nothing.

use std::fmt::Write as _;

use connector_net::Input;
use connector_net::capture::Kind;
use serde_json::Value;

use super::{ALL, Twins, capture, known};
use crate::support::Rng;

#[test]
fn events_do_not_depend_on_the_order_of_keys() {
    for (venue, file) in ALL {
        let Some(capture) = capture(file) else { continue };
        for space in ["", " ", "\n\t"] {
            let mut rng = Rng::new(space.len() as u64 + 7);
            let mut plain = Twins::new(venue, &known(&capture, venue));
            let mut shuffled = plain.clone();
            for record in capture.records() {
                let record = record.expect("readable");
                plain.feed(record.recv_ns, record.line, record.input());
                let parsed = serde_json::from_str::<Value>(&record.data);
                let mut text = String::new();
                if let Ok(value) = &parsed {
                    write_shuffled(value, space, &mut rng, &mut text);
                }
                let input = match (&record.kind, parsed.is_ok()) {
                    (Kind::Received, true) => Input::Received(text.as_bytes()),
                    (Kind::Http { url, .. }, true) => {
                        Input::Http { url, request: b"", body: text.as_bytes() }
                    }
                    _ => record.input(),
                };
                shuffled.feed(record.recv_ns, record.line, input);
                assert_eq!(plain.fast_out.events, shuffled.fast_out.events, "{file}: {text}");
                assert_eq!(plain.fast_out.batches, shuffled.fast_out.batches, "{file}: {text}");
            }
        }
    }
}

/// One order of keys from beginning to end, whichever it is, is read by the scanner.
#[test]
fn the_scanner_takes_any_constant_order_of_keys() {
    for (venue, file) in ALL {
        let Some(capture) = capture(file) else { continue };
        for seed in 0..8 {
            let mut twins = Twins::new(venue, &known(&capture, venue));
            for record in capture.records() {
                let record = record.expect("readable");
                let Ok(value) = serde_json::from_str::<Value>(&record.data) else { continue };
                let mut text = String::new();
                // The same seed for every frame: the same order for objects of the same shape.
                write_shuffled(&value, "", &mut Rng::new(seed), &mut text);
                let input = match &record.kind {
                    Kind::Received => Input::Received(text.as_bytes()),
                    Kind::Connected { .. } | Kind::Closed | Kind::Sent | Kind::Http { .. } => {
                        record.input()
                    }
                };
                twins.feed(record.recv_ns, record.line, input);
            }
            let counts = twins.fast.get().counts();
            assert!(counts.typed * 99 <= counts.fast, "{file}, order {seed}: {counts:?}");
        }
    }
}

pub(super) fn write_shuffled(value: &Value, space: &str, rng: &mut Rng, out: &mut String) {
    match value {
        Value::Array(list) => {
            out.push('[');
            for (index, element) in list.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                out.push_str(space);
                write_shuffled(element, space, rng, out);
            }
            out.push_str(space);
            out.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            for last in (1..keys.len()).rev() {
                keys.swap(last, rng.index(last + 1));
            }
            out.push('{');
            for (index, (key, element)) in keys.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write!(out, "{space}\"{key}\"{space}:{space}").expect("a string takes all");
                write_shuffled(element, space, rng, out);
            }
            out.push_str(space);
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            write!(out, "{value}").expect("a string takes all");
        }
    }
}
