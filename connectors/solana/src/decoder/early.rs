//! Frames that came before their pool's bootstrap.

use solana_pubkey::Pubkey;

use super::pools::{Role, Shown};
use crate::layout::DYNAMIC_ARRAY_BYTES_MAX;

/// Most frames kept, one per address: as many as there may be subscriptions. 10 MiB at most.
const FRAMES_MAX: usize = 1_024;

/// One such frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EarlyFrame {
    pub(super) role: Role,
    pub(super) pubkey: Pubkey,
    pub(super) slot: u64,
    /// Owner and data; `None` where the account does not exist.
    pub(super) shown: Option<(Pubkey, Vec<u8>)>,
}

impl EarlyFrame {
    pub(super) fn of(role: Role, pubkey: Pubkey, slot: u64, shown: Option<Shown<'_>>) -> Self {
        // A longer account is none of ours: its head is enough for it to be refused later.
        let shown = shown.map(|shown| {
            let len = shown.data.len().min(DYNAMIC_ARRAY_BYTES_MAX + 1);
            (shown.owner, shown.data[..len].to_vec())
        });
        Self { role, pubkey, slot, shown }
    }

    pub(super) fn shown(&self) -> Option<Shown<'_>> {
        self.shown.as_ref().map(|(owner, data)| Shown { owner: *owner, data })
    }
}

/// The newest early frame of each address.
#[derive(Debug, Default)]
pub(super) struct Early {
    frames: Vec<EarlyFrame>,
}

impl Early {
    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Keeps a frame unless a newer one of its address is there. False when there is no room.
    pub(super) fn keep(&mut self, frame: EarlyFrame) -> bool {
        let full = self.frames.len() >= FRAMES_MAX;
        match self.frames.iter_mut().find(|kept| kept.pubkey == frame.pubkey) {
            Some(kept) if kept.slot > frame.slot => {}
            Some(kept) => *kept = frame,
            None if full => return false,
            None => self.frames.push(frame),
        }
        true
    }

    /// Takes the frames of one pool out.
    pub(super) fn take(&mut self, pool: usize) -> Vec<EarlyFrame> {
        self.frames.extract_if(.., |frame| frame.role.pool == pool).collect()
    }
}
