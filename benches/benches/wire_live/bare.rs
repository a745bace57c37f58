//! The least that anybody does who receives these frames: tokio-tungstenite on a runtime of one thread.

use std::time::Duration;

use connector_link::clock::monotonic_ns;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;

use crate::table::Sample;

/// What the engine subscribes to, in its order.
const SUBSCRIPTIONS: [&str; 4] = [
    r#"{"type":"subscribe","channel":"heartbeats"}"#,
    r#"{"type":"subscribe","product_ids":["SOL-USD","BTC-USD"],"channel":"level2"}"#,
    r#"{"type":"subscribe","product_ids":["SOL-USD","BTC-USD"],"channel":"market_trades"}"#,
    r#"{"type":"subscribe","product_ids":["SOL-USD","BTC-USD"],"channel":"status"}"#,
];

/// Receives for so many seconds.
pub(crate) fn receive(address: &str, seconds: u64) -> Vec<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread");
    let frames = runtime.block_on(async {
        // No delay for small packets, as in the engine.
        let url = format!("ws://{address}");
        let connected = connect_async_with_config(url, None, true).await;
        let (mut socket, _) = connected.expect("the emulated venue takes connections");
        for text in SUBSCRIPTIONS {
            socket.send(Message::text(text)).await.expect("a subscription is sent");
        }
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut frames = Vec::new();
        while let Ok(message) = timeout_at(until, socket.next()).await {
            let at_ns = monotonic_ns();
            match message.expect("the connection stays").expect("frames are whole") {
                Message::Text(text) => frames.push((at_ns, text)),
                Message::Ping(_) | Message::Pong(_) => {}
                other @ (Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => {
                    panic!("{other:?} from an emulated venue")
                }
            }
        }
        frames
    });
    frames.iter().map(|(at_ns, text)| sample(*at_ns, text)).collect()
}

fn sample(at_ns: u64, text: &str) -> Sample {
    let (_, rest) = text.split_once("\"sequence_num\":").expect("every frame has a number");
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let seq: u64 = rest[..digits].parse().expect("digits");
    Sample {
        frame: seq + 1,
        is_update: text.contains("\"l2_data\"") && text.contains("\"type\":\"update\""),
        received_ns: at_ns,
        decided_ns: at_ns,
    }
}
