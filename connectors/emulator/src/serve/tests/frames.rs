//! Faults of text frames and of the connections that carry them.

use super::*;

fn pick(contains: &str, count: u32) -> Pick {
    Pick { count, one_in: 1, contains: contains.to_owned() }
}

#[test]
fn frames_are_lost_doubled_swapped_and_damaged() {
    let cases = [
        (Fault::Drop { pick: pick("b", 1) }, vec!["a", "c"]),
        (Fault::Duplicate { pick: pick("b", 1) }, vec!["a", "b", "b", "c"]),
        (Fault::Reorder { pick: pick("a", 1) }, vec!["b", "a", "c"]),
        (Fault::Truncate { pick: pick("b", 1) }, vec!["a", "", "c"]),
        (Fault::Delay { by_ms: 30, jitter_ms: 10, pick: pick("b", 1) }, vec!["a", "b", "c"]),
    ];
    block_on(async {
        let server = server(|_| {});
        for (fault, expected) in cases {
            let mut client = server.open().await;
            let number = server.fault(fault.clone(), 0);
            let seen = client.echoes(&["a", "b", "c"], expected.len()).await;
            assert_eq!(seen, expected, "{fault:?}");
            assert_eq!(server.applied(number), 1, "{fault:?}");
        }
    });
}

#[test]
fn damage_depends_on_seed_venue_connection_and_fault_alone() {
    let damaged = |seed: u64| {
        block_on(async {
            let server = server(|options| options.seed = seed);
            let mut client = server.open().await;
            let fault = |with| Fault::Mutate { bytes: 3, with, pick: pick("", 1) };
            server.fault(fault(Noise::Printable), 0);
            let text = "x".repeat(300);
            client.echoes(&[&text], 1).await.remove(0)
        })
    };
    let (one, two, other) = (damaged(1), damaged(1), damaged(2));
    assert_eq!(one, two);
    assert_ne!(one, other);
    assert_eq!(one.len(), 300);
    let others = one.bytes().filter(|byte| *byte != b'x').count();
    assert!((1..=3).contains(&others), "{one}");
}

#[test]
fn bytes_that_are_no_text_arrive_as_such() {
    block_on(async {
        let server = server(|_| {});
        let mut client = server.open().await;
        let with = Noise::Bytes;
        server.fault(Fault::Mutate { bytes: 200, with, pick: pick("", 1) }, 0);
        client.say(&"x".repeat(1_000)).await;
        assert!(matches!(client.next().await, Some(Err(Error::Utf8(_)))));
    });
}

#[test]
fn a_frame_is_cut_in_the_middle_of_its_bytes() {
    block_on(async {
        let server = server(|_| {});
        for then in [Ending::Fin, Ending::Close, Ending::Reset] {
            let mut client = server.open().await;
            let number = server.fault(Fault::CutFrame { then, pick: pick("", 1) }, 0);
            client.say(&"x".repeat(1_000)).await;
            let error = client.next().await.expect("an error").expect_err("no whole frame");
            assert!(matches!(error, Error::Io(_) | Error::Protocol(_)), "{then:?}: {error:?}");
            assert_eq!(server.applied(number), 1);
        }
        let mut client = server.open().await;
        server.fault(Fault::CutFrame { then: Ending::Stall, pick: pick("", 1) }, 0);
        client.say(&"x".repeat(1_000)).await;
        server.until(|server| server.counts().messages == 4).await;
        let more = timeout(Duration::from_millis(100), client.0.next()).await;
        assert!(more.is_err(), "nothing more comes: {more:?}");
        assert_eq!(server.counts().connections_open, 1);
    });
}

#[test]
fn connections_end_in_three_ways() {
    block_on(async {
        let server = server(|_| {});
        let mut first = server.open().await;
        let mut second = server.open().await;
        let order = FaultOrder::new("echo", Fault::Disconnect { how: Ending::Close }, 0);
        server.running.fault(FaultOrder { connection: Some(1), ..order }).expect("sound");
        let Some(Ok(Message::Close(Some(frame)))) = first.next().await else { panic!("a close") };
        assert_eq!(u16::from(frame.code), 1001);
        assert_eq!(second.echoes(&["a"], 1).await, ["a"], "the other is not meant");

        let number = server.fault(Fault::Disconnect { how: Ending::Fin }, 0);
        let error = second.next().await.expect("an error").expect_err("no close frame");
        assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        assert_eq!(server.applied(number), 1);

        let mut third = server.open().await;
        server.fault(Fault::Disconnect { how: Ending::Reset }, 0);
        let error = third.next().await.expect("an error").expect_err("no close frame");
        let Error::Io(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(server.open().await.echoes(&["a"], 1).await == ["a"], "new ones are welcome");
    });
}

#[test]
fn a_half_open_socket_says_nothing_until_it_is_reset() {
    block_on(async {
        let server = server(|options| options.scale = 10);
        let mut client = server.open().await;
        let number = server.fault(Fault::HalfOpen, FAULT_MS_MAX);
        client.0.send(Message::Ping("1".into())).await.expect("the kernel takes it");
        client.say("a").await;
        let more = timeout(Duration::from_millis(150), client.0.next()).await;
        assert!(more.is_err(), "no pong, no text: {more:?}");
        server.end(number).await;
        let error = client.next().await.expect("an error").expect_err("a reset");
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        assert_eq!(server.echo.heard(), ["closed"], "nothing was read");
        assert_eq!(server.applied(number), 1);
    });
}

#[test]
fn a_silent_venue_listens() {
    block_on(async {
        let server = server(|options| options.scale = 10);
        for pings in [Pings::Answered, Pings::Unanswered] {
            let mut client = server.open().await;
            let number = server.fault(Fault::Silence { pings }, FAULT_MS_MAX);
            server.until(|server| server.applied(number) == 1).await;
            client.0.send(Message::Ping("1".into())).await.expect("it is open");
            let lost = format!("lost {pings:?}");
            client.say(&lost).await;
            if pings == Pings::Answered {
                let pong = client.next().await.expect("open").expect("sound");
                assert_eq!(pong, Message::Pong("1".into()));
            }
            server.until(|server| server.echo.heard().contains(&lost)).await;
            server.end(number).await;
            assert_eq!(client.echoes(&["back"], 1).await, ["back"], "{pings:?}");
        }
    });
}

#[test]
fn slow_writes_and_reads_lose_nothing() {
    block_on(async {
        let server = server(|_| {});
        let mut client = server.open().await;
        let text = "y".repeat(1_500);
        let number = server.fault(Fault::SlowWrites { bytes_per_s: 10_000 }, 60_000);
        server.until(|server| server.applied(number) == 1).await;
        let began = std::time::Instant::now();
        assert_eq!(client.echoes(&[&text], 1).await[0], text);
        // Three pieces of 500 bytes and the rest: three pauses of 50 ms.
        assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());

        // A write that would take days goes on at once when the fault is over.
        server.running.end_fault(number);
        let number = server.fault(Fault::SlowWrites { bytes_per_s: 20 }, FAULT_MS_MAX);
        server.fault(Fault::GiantFrame { bytes: 10_000_000 }, 0);
        server.until(|server| server.applied(number) == 1).await;
        server.end(number).await;
        assert!(client.text().await.len() > 10_000_000);

        let server = self::server(|_| {});
        let mut client = server.open().await;
        let number = server.fault(Fault::SlowReads { bytes_per_s: 10_000 }, 60_000);
        server.until(|server| server.applied(number) == 1).await;
        let began = std::time::Instant::now();
        assert_eq!(client.echoes(&[&text], 1).await[0], text);
        assert!(began.elapsed() >= Duration::from_millis(90), "{:?}", began.elapsed());
    });
}

#[test]
fn what_the_venue_says_itself_is_left_to_the_venue() {
    block_on(async {
        let server = server(|options| options.scale = 10);
        let mut client = server.open().await;
        let product = "SOL-USD".to_owned();
        let number = server.fault(Fault::CrossedBook { product }, 0);
        assert_eq!(client.text().await, r#"CrossedBook { product: "SOL-USD" }"#);
        server.fault(Fault::GiantFrame { bytes: 5_000_000 }, 0);
        assert!(client.text().await.len() > 5_000_000);
        let unknown = server.fault(Fault::Maintenance, 0);
        assert_eq!(client.text().await, "Maintenance");
        assert_eq!(server.applied(number), 2, "the venue and its connection");
        assert_eq!(server.applied(unknown), 1, "the connection has no words for it");

        let number = server.fault(Fault::SlotLag { slots: 40 }, FAULT_MS_MAX);
        assert_eq!(client.text().await, "SlotLag { slots: 40 }");
        let mut late = server.try_open().await.expect("a handshake");
        assert_eq!(late.text().await, "SlotLag { slots: 40 }", "met by those who come later");
        assert_eq!(late.text().await, "hello");
        server.end(number).await;
        assert_eq!(client.text().await, "SlotLag { slots: 0 }");
        assert_eq!(late.text().await, "SlotLag { slots: 0 }");
        let heard = server.echo.heard();
        let at = |what: &str| heard.iter().position(|it| it == what);
        assert!(at("venue SlotLag { slots: 40 }") < at("venue SlotLag { slots: 0 }"), "{heard:?}");
    });
}
