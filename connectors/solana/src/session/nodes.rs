//! Which node is used: the first of the list that has been without a fault for long enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What the two connections of one chain tell each other. Every field is a number of its own:
/// nothing follows from two of them together, so their order does not matter.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Node that the pools' connection uses.
    pool_node: AtomicUsize,
    /// Highest slot of the pools' connection.
    pool_slot: AtomicU64,
    /// Highest slot of the other one.
    other_slot: AtomicU64,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(super) fn pool_node(&self) -> usize {
        self.pool_node.load(Ordering::Relaxed)
    }

    pub(super) fn set_pool_node(&self, node: usize) {
        self.pool_node.store(node, Ordering::Relaxed);
    }

    pub(super) fn pool_slot(&self) -> u64 {
        self.pool_slot.load(Ordering::Relaxed)
    }

    pub(super) fn set_pool_slot(&self, slot: u64) {
        self.pool_slot.store(slot, Ordering::Relaxed);
    }

    pub(super) fn other_slot(&self) -> u64 {
        self.other_slot.load(Ordering::Relaxed)
    }

    pub(super) fn set_other_slot(&self, slot: u64) {
        self.other_slot.store(slot, Ordering::Relaxed);
    }
}

/// What is known of one node.
#[derive(Clone, Copy, Debug, Default)]
struct Health {
    /// Its last fault; none: it never had one.
    fault_ns: Option<u64>,
    /// When it last answered well.
    good_ns: u64,
    blocked_until_ns: u64,
    /// Faults of requests in a row.
    faults: u32,
}

/// All nodes, in order of preference.
#[derive(Debug)]
pub(super) struct Nodes {
    health: Vec<Health>,
    healthy_ns: u64,
    current: usize,
}

impl Nodes {
    /// At least one is assumed.
    pub(super) fn new(count: usize, healthy_ns: u64) -> Self {
        Self { health: vec![Health::default(); count.max(1)], healthy_ns, current: 0 }
    }

    pub(super) fn current(&self) -> usize {
        self.current
    }

    pub(super) fn len(&self) -> usize {
        self.health.len()
    }

    /// Whether there is another to go to.
    pub(super) fn has_others(&self) -> bool {
        self.len() > 1
    }

    fn is_healthy(&self, node: usize, now_ns: u64) -> bool {
        let health = &self.health[node];
        let rested = |at_ns: u64| now_ns.saturating_sub(at_ns) >= self.healthy_ns;
        health.blocked_until_ns <= now_ns && health.fault_ns.is_none_or(rested)
    }

    /// Chooses for the next attempt: the first healthy one, else whichever rested longest. `avoid` is
    /// taken only where nothing else is healthy.
    pub(super) fn choose(&mut self, now_ns: u64, avoid: Option<usize>) -> usize {
        let healthy = |node: &usize| self.is_healthy(*node, now_ns);
        let first = (0..self.len()).filter(|node| Some(*node) != avoid).find(healthy);
        let rested = || {
            let key = |node: &usize| {
                let health = &self.health[*node];
                (health.blocked_until_ns.max(now_ns), Some(*node) == avoid, health.fault_ns)
            };
            (0..self.len()).min_by_key(key)
        };
        self.current = first.or_else(rested).unwrap_or(0);
        self.current
    }

    /// A better node than the current one that has shown itself good since its last fault and has
    /// had none for long enough.
    pub(super) fn better(&self, now_ns: u64) -> Option<usize> {
        (0..self.current).find(|node| {
            let health = &self.health[*node];
            self.is_healthy(*node, now_ns)
                && health.fault_ns.is_none_or(|at_ns| health.good_ns > at_ns)
        })
    }

    /// A fault of a node: it is left, and must be healthy for long before it is used again.
    pub(super) fn fault(&mut self, node: usize, now_ns: u64) {
        self.health[node].fault_ns = Some(now_ns);
        self.health[node].faults = 0;
    }

    /// A request of a node failed; counts those in a row.
    pub(super) fn request_failed(&mut self, node: usize) -> u32 {
        let health = &mut self.health[node];
        health.faults = health.faults.saturating_add(1);
        health.faults
    }

    /// A node answered as it should.
    pub(super) fn good(&mut self, node: usize, now_ns: u64) {
        self.health[node].good_ns = now_ns;
        self.health[node].faults = 0;
    }

    /// A node that does not want us, until then.
    pub(super) fn block(&mut self, node: usize, until_ns: u64) {
        let health = &mut self.health[node];
        health.blocked_until_ns = health.blocked_until_ns.max(until_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_healthy_one_is_chosen() {
        let mut nodes = Nodes::new(3, 60);
        assert_eq!(nodes.choose(0, None), 0);
        nodes.fault(0, 10);
        assert_eq!(nodes.choose(11, None), 1);
        nodes.fault(1, 12);
        assert_eq!(nodes.choose(13, None), 2);
        nodes.fault(2, 14);
        assert_eq!(nodes.choose(15, None), 0, "all have faults: the one that rested longest");
        assert_eq!(nodes.choose(15, Some(0)), 1, "another than the one to avoid");
        nodes.block(0, 1_000);
        assert_eq!(nodes.choose(200, None), 1, "refused by the first");
        assert_eq!(nodes.choose(1_000, None), 0);
        assert_eq!(Nodes::new(1, 60).choose(0, Some(0)), 0, "there is no other");
    }

    #[test]
    fn a_better_one_must_have_shown_itself_good_for_long() {
        let mut nodes = Nodes::new(2, 60);
        nodes.fault(0, 10);
        nodes.choose(11, None);
        assert_eq!(nodes.better(69), None, "59 is not long enough");
        assert_eq!(nodes.better(70), None, "nobody has asked it");
        nodes.good(0, 40);
        assert_eq!(nodes.better(69), None);
        assert_eq!(nodes.better(70), Some(0));
        nodes.fault(0, 65);
        assert_eq!(nodes.better(120), None, "another fault begins it anew");
        nodes.good(0, 100);
        assert_eq!(nodes.better(125), Some(0));
    }
}
