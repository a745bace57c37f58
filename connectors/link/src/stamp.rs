//! A stream that remembers when bytes last left the socket.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::monotonic_ns;

/// When bytes last left a socket: shared by the stream, which lies below TLS and WebSocket, and its
/// driver above them. One thread writes and reads it; the atomic only makes it sendable.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadAt(Arc<AtomicU64>);

impl ReadAt {
    /// Unit: nanoseconds of the monotonic clock.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set_now(&self) {
        self.0.store(monotonic_ns(), Ordering::Relaxed);
    }
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Stamped<S> {
    inner: S,
    read_at: ReadAt,
}

impl<S> Stamped<S> {
    pub(crate) fn new(inner: S) -> (Self, ReadAt) {
        let read_at = ReadAt::default();
        (Self { inner, read_at: read_at.clone() }, read_at)
    }

    pub(crate) const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Read> Read for Stamped<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read_at.set_now();
        Ok(read)
    }
}

impl<S: Write> Write for Stamped<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stamped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.read_at.set_now();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stamped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
