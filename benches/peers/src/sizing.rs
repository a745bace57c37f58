//! The best size of a book of 20 levels against ten segments of a pool, against a search.

use std::hint::black_box;
use std::rc::Rc;

use benches::pairs::{Pair, ROUNDING_UNITS, golden_section};
use engine_core::signal::sizing::best_size;

use crate::turns::{Item, Target, Work};

/// A case in one turn.
struct Exact(Rc<[Pair]>);

impl Work for Exact {
    fn prepare(&mut self, _turn: usize) {}

    fn run(&mut self, turn: usize) -> u64 {
        let sized = best_size(black_box(&self.0[turn].quote()));
        let sized = sized.expect("priced").expect("an edge");
        u64::try_from(sized.priced.net).expect("a profit of some dollars")
    }
}

struct Golden(Rc<[Pair]>);

impl Work for Golden {
    fn prepare(&mut self, _turn: usize) {}

    fn run(&mut self, turn: usize) -> u64 {
        let case = &self.0[turn];
        let found = golden_section(black_box(&case.quote()), black_box(case.depth_lots()));
        let (_, priced) = found.expect("an edge");
        u64::try_from(priced.net).expect("a profit of some dollars")
    }
}

pub(crate) fn item() -> Item {
    let cases: Rc<[Pair]> = Pair::cases().into();
    let mut notes = vec![];
    for case in cases.iter() {
        let quote = case.quote();
        let sized = best_size(&quote).expect("priced").expect("an edge");
        let (_, searched) = golden_section(&quote, case.depth_lots()).expect("an edge");
        let net = sized.priced.net;
        assert!(net + ROUNDING_UNITS >= searched.net, "{net} against {}", searched.net);
        notes.push(format!(
            "net profit {net} (search {}) after {} pieces, 10^-6 USDC",
            searched.net, sized.pieces_touched
        ));
    }
    Item {
        unit: "sizing",
        turn_units: vec![1; cases.len()],
        sides: vec![
            ("ours", Box::new(Exact(Rc::clone(&cases)))),
            ("golden-section", Box::new(Golden(cases))),
        ],
        targets: vec![Target { peer: "golden-section", at_least: 10.0 }],
        less: None,
        notes,
    }
}
