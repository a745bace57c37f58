//! Sockets for links: TLS, WebSocket, HTTP, and the loops that drive a
//! [`connector_net::session::Link`] over them.
//!
//! Layout: [`clock`] is the time that everything is stamped with, [`net`] opens sockets, [`http`] makes
//! requests, [`kept`] makes those of orders on connections that wait open, [`orders`] drives
//! gateways over them, [`park`] drives links as tasks of a runtime, [`spin`] drives them by polling on a thread of
//! their own, [`outlet`] is where events go.
//!
//! Deliberately absent: venues and decisions. What to say on a socket is a protocol's business.
//! Start reading at [`park::drive`].

pub mod clock;
pub mod http;
pub mod kept;
pub mod net;
pub mod orders;
pub mod outlet;
pub mod park;
pub mod spin;
mod stamp;

pub use clock::Clock;
pub use net::Net;
pub use outlet::{Control, Outlet, Seen};
