//! Listeners, upgrades, TLS, limits, clients that misbehave, starting and stopping.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::*;

#[test]
fn http_and_websocket_share_a_port() {
    block_on(async {
        let server = server(|_| {});
        let mut client = server.open().await;
        assert_eq!(client.echoes(&["a", "é"], 2).await, ["a", "é"]);
        let (head, body) = server.request("POST", "/order", "{}").await;
        assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
        assert_eq!(body, "{}");
        let tcp = TcpStream::connect(server.address()).await.expect("it listens");
        match tokio_tungstenite::client_async("ws://localhost/other", tcp).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 404),
            other => panic!("{other:?}"),
        }
        let counts = server.counts();
        assert_eq!((counts.connections, counts.connections_open, counts.messages), (1, 1, 2));
        assert_eq!((counts.requests, counts.frames), (3, 3));
    });
}

#[test]
fn pings_are_answered_and_closing_is_mutual() {
    block_on(async {
        let server = server(|_| {});
        let mut client = server.open().await;
        client.0.send(Message::Ping("42".into())).await.expect("it is open");
        assert_eq!(client.next().await.expect("open").expect("sound"), Message::Pong("42".into()));
        client.say("ping me").await;
        assert_eq!(client.next().await.expect("open").expect("sound"), Message::Ping("you".into()));
        client.0.close(None).await.expect("it is open");
        assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
        assert!(client.next().await.is_none());
        server.until(|server| server.echo.heard().contains(&"closed".to_owned())).await;
        server.until(|server| server.counts().connections_open == 0).await;

        let mut other = server.open().await;
        other.say("close 4321").await;
        let Some(Ok(Message::Close(Some(frame)))) = other.next().await else { panic!("a close") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4321, "bye"));
    });
}

#[test]
fn large_and_foreign_frames_close_the_connection() {
    block_on(async {
        let server = server(|_| {});
        let fine = "x".repeat(2_000);
        let mut client = server.open().await;
        assert_eq!(client.echoes(&[&fine], 1).await, [fine]);
        client.say(&"x".repeat(2_001)).await;
        let Some(Ok(Message::Close(Some(frame)))) = client.next().await else { panic!("a close") };
        assert_eq!(frame.code, CloseCode::Size);
        let mut other = server.open().await;
        other.0.send(Message::binary(vec![1])).await.expect("it is open");
        let Some(Ok(Message::Close(Some(frame)))) = other.next().await else { panic!("a close") };
        assert_eq!(frame.code, CloseCode::Unsupported);
        assert_eq!(server.counts().abuses, 2);
    });
}

#[test]
fn what_is_too_much_is_refused() {
    block_on(async {
        let limits = Limits {
            connections_per_s: 2,
            messages_per_s: 3,
            requests_per_s: 1,
            queue_batches_max: 0,
        };
        // A stopped clock would be best; the first second of a slow machine will do, because more
        // is asked for than two seconds allow.
        let server = server(|options| options.venues[0].limits = limits);
        let mut clients = Vec::new();
        let mut refused = 0;
        for _ in 0..200 {
            match server.try_open().await {
                Ok(client) => clients.push(client),
                Err(Error::Http(answer)) => {
                    assert_eq!(answer.status(), 429);
                    let body = answer.into_body().expect("a body");
                    assert_eq!(body, b"Connections");
                    refused += 1;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(refused > 0 && clients.len() >= 2, "{refused}");
        let mut answers = Vec::new();
        for _ in 0..100 {
            answers.push(server.request("GET", "/time", "").await.0);
        }
        assert!(answers[0].contains(" 200 ") && answers.iter().any(|it| it.contains(" 429 ")));
        let mut client = clients.pop().expect("at least one");
        assert_eq!(client.text().await, "hello");
        for _ in 0..200 {
            if client.0.send(Message::text("m")).await.is_err() {
                break;
            }
        }
        let code = loop {
            match client.next().await.expect("a close frame first").expect("sound") {
                Message::Text(_) => {}
                Message::Close(frame) => break frame.expect("a code").code,
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                    panic!("texts and a close frame only")
                }
            }
        };
        assert_eq!(code, CloseCode::Policy);
        assert!(server.counts().limited > 0);
    });
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    block_on(async {
        let server = server(|options| options.venues[0].limits.queue_batches_max = 8);
        let mut lazy = server.open().await;
        let mut other = server.open().await;
        lazy.say("flood 60000").await;
        server.until(|server| server.counts().too_slow == 1).await;
        assert_eq!(other.echoes(&["still here"], 1).await, ["still here"]);
        assert_eq!(server.counts().connections_open, 1);
    });
}

async fn tls(server: &Server, name: &str) -> Result<(), String> {
    let address = server.running.venue("echo").expect("a venue").tls.expect("a TLS port");
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(server.running.ca_pem().as_bytes());
    roots.add(authority.expect("PEM")).expect("a certificate");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(address).await.expect("it listens");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connector = TlsConnector::from(Arc::new(config));
    let stream = timeout(PATIENCE, connector.connect(name, tcp)).await.expect("in time");
    let stream = stream.map_err(|error| error.to_string())?;
    let (mut client, _) = tokio_tungstenite::client_async("wss://localhost/ws", stream)
        .await
        .map_err(|error| error.to_string())?;
    let hello = client.next().await.expect("open").expect("sound");
    assert_eq!(hello, Message::text("hello"));
    Ok(())
}

#[test]
fn certificates_are_as_ordered() {
    let with = |certificate| {
        server(|options| {
            options.venues[0].tls = Some(TlsOptions { port: 0, certificate });
            options.host_names = vec!["venue.test".to_owned()];
        })
    };
    block_on(async {
        let good = with(CertificateKind::Good);
        for name in ["localhost", "127.0.0.1", "venue.test"] {
            assert_eq!(tls(&good, name).await, Ok(()), "{name}");
        }
        let cases = [
            (CertificateKind::Expired, "expired"),
            (CertificateKind::WrongName, "not valid for name"),
            (CertificateKind::Untrusted, "UnknownIssuer"),
        ];
        for (kind, word) in cases {
            let says = tls(&with(kind), "localhost").await.expect_err("not to be trusted");
            assert!(says.contains(word), "{kind:?}: {says}");
        }
        // A client that speaks plain text to a TLS port harms nobody.
        let address = good.running.venue("echo").expect("a venue").tls.expect("a TLS port");
        assert!(request(address, "GET", "/time", "").await.is_none());
        assert_eq!(tls(&good, "localhost").await, Ok(()));
    });
}

#[test]
fn an_error_of_the_emulator_ends_one_connection_only() {
    block_on(async {
        let server = server(|_| {});
        let mut victim = server.open().await;
        let mut other = server.open().await;
        victim.say("panic").await;
        server.until(|server| server.counts().panics == 1).await;
        assert_eq!(other.echoes(&["a"], 1).await, ["a"]);
        assert!(request(server.address(), "GET", "/panic", "").await.is_none());
        server.until(|server| server.counts().panics == 2).await;
        assert_eq!(server.counts().connections_open, 1);
        assert!(server.running.is_running());
    });
}

#[test]
fn stopping_closes_every_socket() {
    block_on(async {
        let Server { running, echo } = server(|_| {});
        let server = Server { running, echo };
        let mut client = server.open().await;
        let (address, echo) = (server.address(), Arc::clone(&server.echo));
        server.running.stop().expect("no panic");
        assert!(matches!(client.next().await, None | Some(Err(_))));
        assert!(TcpStream::connect(address).await.is_err());
        assert_eq!(echo.heard(), ["closed"]);
    });
}

type Change<'a> = &'a dyn Fn(&mut Options);

#[test]
fn what_hinders_a_start_is_named() {
    let says = |change: Change| {
        let mut options = options(&Arc::new(Echo::default()));
        change(&mut options);
        match start(options) {
            Ok(_) => panic!("it started"),
            Err(error) => error.to_string(),
        }
    };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let cases: [(String, Change); 4] = [
        (format!("echo: cannot listen on 127.0.0.1:{port}"), &|options| {
            options.venues[0].port = Some(port);
        }),
        ("two venues are called \"echo\"".to_owned(), &|options| {
            let venue = Arc::clone(&options.venues[0].venue);
            options.venues.push(VenueOptions::plain(venue));
        }),
        ("no venue is called \"ecco\"; there are: echo".to_owned(), &|options| {
            let order = FaultOrder::new("ecco", Fault::Refuse, 0);
            options.schedule = vec![Scheduled { at_ms: 0, order }];
        }),
        ("/dev/null/log: ".to_owned(), &|options| {
            options.frame_log = Some("/dev/null/log".into());
        }),
    ];
    for (part, change) in cases {
        // Inside a runtime, as those who serve from an async program do it.
        let says = block_on(async { says(change) });
        assert!(says.contains(&part), "{says:?} lacks {part:?}");
    }
}
