//! Transactions from signature to finality.

use engine_poolmath::whirlpool::{
    Amount, Direction, INNER_STEPS_DEFAULT, MAX_SQRT_PRICE, SwapRequest, required_arrays, swap,
};
use solana_instruction::{AccountMeta, Instruction};
use solana_message::AddressLookupTableAccount;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_transaction_error::TransactionError;

use crate::chain::kit::*;
use crate::chain::overlay::At;
use crate::chain::swap::load_arrays;
use crate::chain::*;
use crate::happening::{Commitment, Happening};

const STRANGER: Pubkey = Pubkey::new_from_array([9; 32]);

/// Sends, waits for the block, and gives what is known of it.
fn land(ledger: &mut Ledger, transaction: &ClientTransaction) -> Record {
    ledger.submit(transaction.clone());
    next_block(ledger);
    ledger.record(&transaction.id(), newest(ledger)).expect("it landed").clone()
}

fn error_text(record: &Record) -> String {
    record.executed.error.as_ref().map_or_else(String::new, ToString::to_string)
}

#[test]
fn a_transfer_pays_its_fee_and_settles() {
    let mut ledger = ledger(&spec());
    let me = client().pubkey();
    let [units, price] = budget(1_000, 50_001);
    let sent = sign(&ledger, &client(), &[units, price, transfer(&me, &STRANGER, 2_000_000)]);
    ledger.submit(sent.clone());
    let told = next_block(&mut ledger);
    // 5,000 for the signature, and 1,000 units at 50,001 micro-lamports rounded up.
    let fee = 5_000 + 51;
    assert_eq!(lamports(&ledger, &me), CLIENT_LAMPORTS - 2_000_000 - fee);
    assert_eq!(lamports(&ledger, &STRANGER), 2_000_000);
    let landed = newest(&ledger);
    let record = ledger.record(&sent.id(), landed).expect("it landed");
    assert_eq!((record.slot, record.executed.fee_lamports), (landed, fee));
    assert_eq!(record.executed.units, 450);
    assert!(ledger.record(&sent.id(), landed - 1).is_none(), "a lagging node knows nothing");
    let settled = |told: &[Happening]| {
        let of = |h: &Happening| {
            let Happening::Signature { commitment, slot, error, .. } = h else { return None };
            Some((*commitment, *slot, error.is_some()))
        };
        told.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(settled(&told), [(Commitment::Processed, landed, false)]);
    let mut later = Vec::new();
    for block in 1..=FINALIZED_BLOCKS {
        let told = settled(&next_block(&mut ledger));
        later.extend(told.into_iter().map(|(commitment, ..)| (block, commitment)));
    }
    assert_eq!(later, [(2, Commitment::Confirmed), (32, Commitment::Finalized)]);
    assert_eq!(ledger.client_counts().succeeded, 1);
}

#[test]
fn a_swap_moves_exactly_what_the_arithmetic_says() {
    for (shows, order, is_v2) in [
        ("exact in, A", Swap::exact_in(50_000_000_000, Direction::AToB), true),
        ("exact in, B", Swap::exact_in(5_000_000_000, Direction::BToA), true),
        ("exact out, B", Swap::exact_out(1_000_000_000, Direction::AToB), true),
        ("exact out, A", Swap::exact_out(30_000_000_000, Direction::BToA), true),
        ("the older instruction", Swap::exact_in(777, Direction::AToB), false),
        (
            "a limit that ends it early",
            Swap {
                sqrt_price_limit: pool(&ledger(&spec()), &SOL_USDC_POOL).pool.sqrt_price
                    + (1 << 40),
                ..Swap::exact_in(400_000_000_000, Direction::BToA)
            },
            true,
        ),
    ] {
        let mut ledger = ledger(&spec());
        let me = client().pubkey();
        let before = pool(&ledger, &SOL_USDC_POOL);
        let expected = {
            let view = At { versions: &ledger.versions, slot: newest(&ledger) };
            let starts = required_arrays(&before.pool, order.direction);
            let arrays = load_arrays(&view, &SOL_USDC_POOL, 64, starts.starts()).expect("arrays");
            let amount = if order.is_exact_in {
                Amount::ExactIn(order.amount)
            } else {
                Amount::ExactOut(order.amount)
            };
            let request = SwapRequest {
                amount,
                direction: order.direction,
                sqrt_price_limit: order.sqrt_price_limit,
                now_s: 0,
                inner_steps_max: INNER_STEPS_DEFAULT,
            };
            swap(&before.pool, None, &arrays, &request).expect("a swap")
        };
        let instruction = if is_v2 {
            order.v2(&me, &SOL_USDC_POOL, &before)
        } else {
            order.v1(&me, &SOL_USDC_POOL, &before)
        };
        let sent = sign(&ledger, &client(), &[instruction]);
        let record = land(&mut ledger, &sent);
        assert_eq!(error_text(&record), "", "{shows}: {:#?}", record.executed.logs);
        let after = pool(&ledger, &SOL_USDC_POOL);
        assert_eq!(after.pool.sqrt_price, expected.sqrt_price, "{shows}");
        assert_eq!(after.pool.tick_current_index, expected.tick_current_index, "{shows}");
        let (wsol, usdc) = (tokens(&ledger, &me, &WSOL), tokens(&ledger, &me, &USDC));
        let (a, b) = (expected.amount_a, expected.amount_b);
        match order.direction {
            Direction::AToB => assert_eq!((wsol, usdc), (CLIENT_WSOL - a, CLIENT_USDC + b)),
            Direction::BToA => assert_eq!((wsol, usdc), (CLIENT_WSOL + a, CLIENT_USDC - b)),
        }
        assert_eq!(lamports(&ledger, &me), CLIENT_LAMPORTS - 5_000, "{shows}");
        let own = associated_token_address(&me, &WSOL);
        assert_eq!(lamports(&ledger, &own), 2_039_280 + wsol, "wrapped lamports are lamports");
        assert!((20_000..80_000).contains(&record.executed.units), "{}", record.executed.units);
        let traded = record.executed.logs.iter().filter(|line| line.starts_with("Program data: "));
        assert_eq!(traded.count(), 1);
    }
}

/// A change of a good instruction.
type Spoil = fn(&mut Instruction);

#[test]
fn refusals_are_the_programs_own_and_cost_the_fee() {
    let good = Swap::exact_in(1_000_000, Direction::AToB);
    let rows: &[(&str, Swap, Spoil, &str)] = &[
        ("too little out", Swap { threshold: u64::MAX, ..good }, |_| (), "0x1794"),
        (
            "too much in",
            Swap { threshold: 1, ..Swap::exact_out(1_000, Direction::AToB) },
            |_| (),
            "0x1795",
        ),
        ("limit behind", Swap { sqrt_price_limit: MAX_SQRT_PRICE, ..good }, |_| (), "0x1792"),
        ("nothing", Swap { amount: 0, ..good }, |_| (), "0x1793"),
        ("more than one has", Swap { amount: CLIENT_WSOL + 1, ..good }, |_| (), "0x1"),
        (
            "arrays of the other side",
            Swap::exact_in(1_000_000, Direction::BToA),
            |i| {
                for place in 11..14 {
                    i.accounts[place].pubkey = STRANGER;
                }
            },
            "0x1787",
        ),
        (
            "an array of another kind",
            good,
            |i| i.accounts[11].pubkey = i.accounts[4].pubkey,
            "0xbba",
        ),
        ("an array of another program", good, |i| i.accounts[11].pubkey = USDC, "0xbbf"),
        ("another vault", good, |i| i.accounts[8].pubkey = i.accounts[10].pubkey, "0x7dc"),
        ("mints the wrong way round", good, |i| i.accounts.swap(5, 6), "0x7dc"),
        ("tokens the wrong way round", good, |i| i.accounts.swap(7, 9), "0x7d3"),
        ("no token account", good, |i| i.accounts[9].pubkey = STRANGER, "0xbc4"),
        ("no pool", good, |i| i.accounts[4].pubkey = STRANGER, "0xbc4"),
        ("a pool that is none", good, |i| i.accounts[4].pubkey = USDC, "0xbbf"),
        ("a pool to be read", good, |i| i.accounts[4].is_writable = false, "0x7d0"),
        ("another oracle", good, |i| i.accounts[14].pubkey = STRANGER, "0x7d6"),
        ("no memo program", good, |i| i.accounts[2].pubkey = SYSTEM, "0xbc0"),
        (
            "nobody signs",
            good,
            |i| i.accounts[3] = AccountMeta::new_readonly(TOKEN, false),
            "0xbc2",
        ),
        ("too few accounts", good, |i| i.accounts.truncate(14), "0xbbd"),
        ("an unknown instruction", good, |i| i.data[0] ^= 1, "0x65"),
        ("neither true nor false", good, |i| i.data[40] = 2, "0x66"),
    ];
    for (shows, order, spoil, code) in rows {
        let mut ledger = ledger(&spec());
        let me = client().pubkey();
        let before = pool(&ledger, &SOL_USDC_POOL);
        let mut instruction = order.v2(&me, &SOL_USDC_POOL, &before);
        spoil(&mut instruction);
        let tip = transfer(&me, &STRANGER, 5_000_000);
        let sent = sign(&ledger, &client(), &[tip, instruction]);
        let record = land(&mut ledger, &sent);
        let expected = format!("Error processing Instruction 1: custom program error: {code}");
        assert_eq!(error_text(&record), expected, "{shows}: {:#?}", record.executed.logs);
        assert_eq!(lamports(&ledger, &me), CLIENT_LAMPORTS - 5_000, "{shows}: nothing but the fee");
        assert_eq!(lamports(&ledger, &STRANGER), 0, "{shows}");
        assert_eq!(pool(&ledger, &SOL_USDC_POOL), before, "{shows}");
        assert_eq!(tokens(&ledger, &me, &WSOL), CLIENT_WSOL, "{shows}");
        assert_eq!(ledger.client_counts().failed, 1, "{shows}");
    }
}

#[test]
fn arrays_that_do_not_reach_far_enough_end_the_swap() {
    let me = client().pubkey();
    // The array of the start ends at 59.86; the next one holds 55.
    let price = 5_500_000_000;
    let base = ledger(&spec()).base_to_reach_e8(&SOL_USDC_POOL, price).expect("reachable").1 * 10;
    let tokens = vec![(WSOL, base * 2), (USDC, 0)];
    let rich = WalletSpec { owner: me, lamports: CLIENT_LAMPORTS, tokens };
    let mut ledger = ledger(&LedgerSpec { wallets: vec![rich], ..spec() });
    let [units, _] = budget(1_400_000, 0);
    let mut send = |amount: u64, supplemental: u8| {
        let order = Swap::exact_in(amount, Direction::AToB);
        let whole = order.v2(&me, &SOL_USDC_POOL, &pool(&ledger, &SOL_USDC_POOL));
        // All three the same: only the first array is supplied.
        let mut short = whole.clone();
        for place in 12..14 {
            short.accounts[place].pubkey = short.accounts[11].pubkey;
        }
        if supplemental > 0 {
            let more = &whole.accounts[12..12 + usize::from(supplemental)];
            short.accounts.extend_from_slice(more);
            short.data.pop();
            short.data.extend([1, 1, 0, 0, 0, 6, supplemental]);
        }
        let sent = sign(&ledger, &client(), &[units.clone(), short]);
        let record = land(&mut ledger, &sent);
        (error_text(&record), ledger.price_e8(&SOL_USDC_POOL))
    };
    let failed = "Error processing Instruction 1: custom program error: 0x1796";
    assert_eq!(send(base, 0), (failed.to_owned(), PRICE_E8));
    let (error, near) = send(1_000_000_000, 0);
    assert!(error.is_empty() && near < PRICE_E8, "{error}: within the array");
    let (error, far) = send(base, 2);
    assert!(error.is_empty() && far < price, "{error} at {far}");
}

#[test]
fn a_transaction_lands_once_and_only_with_a_recent_blockhash() {
    let mut ledger = ledger(&spec());
    let me = client().pubkey();
    let old = ledger.block(Commitment::Processed, 0);
    let make = |ledger: &Ledger, hash, lamports| {
        let _ = ledger;
        sign_with(hash, &client(), &[transfer(&me, &STRANGER, lamports)], &[])
    };
    let sent = make(&ledger, old.hash, 1_000_000);
    for _ in 0..3 {
        ledger.submit(sent.clone());
    }
    next_block(&mut ledger);
    ledger.submit(sent.clone());
    next_block(&mut ledger);
    assert_eq!(lamports(&ledger, &STRANGER), 1_000_000, "once");
    assert_eq!(ledger.client_counts().repeated, 3);
    let again = ledger.simulate(&sent, newest(&ledger), SimulatedHash::Own);
    assert_eq!(again.error, Some(TransactionError::AlreadyProcessed));
    let unknown = make(&ledger, [1; 32], 1_000_000);
    let result = ledger.simulate(&unknown, newest(&ledger), SimulatedHash::Own);
    assert_eq!(result.error, Some(TransactionError::BlockhashNotFound));
    let result = ledger.simulate(&unknown, newest(&ledger), SimulatedHash::Replaced);
    assert_eq!(result.error, None);
    // The last block in which the old hash counts, and the one after it.
    while ledger.block(Commitment::Processed, 0).height < old.height + BLOCKHASH_BLOCKS - 1 {
        next_block(&mut ledger);
    }
    ledger.submit(make(&ledger, old.hash, 2_000_000));
    next_block(&mut ledger);
    assert_eq!(lamports(&ledger, &STRANGER), 3_000_000);
    ledger.submit(make(&ledger, old.hash, 4_000_000));
    next_block(&mut ledger);
    assert_eq!(lamports(&ledger, &STRANGER), 3_000_000);
    assert_eq!(ledger.client_counts().dropped, 1);
}

#[test]
fn what_a_fork_takes_back_lands_again() {
    let mut ledger = ledger(&spec());
    let me = client().pubkey();
    let sent = sign(&ledger, &client(), &[transfer(&me, &STRANGER, 1_000_000)]);
    let first = land(&mut ledger, &sent);
    ledger.fork();
    ledger.advance(ledger.due_ns().expect("its own clock"));
    assert!(ledger.record(&sent.id(), u64::MAX).is_none());
    assert_eq!(lamports(&ledger, &STRANGER), 0);
    next_block(&mut ledger);
    let second = ledger.record(&sent.id(), u64::MAX).expect("again");
    assert!(second.slot > first.slot);
    assert_eq!(lamports(&ledger, &STRANGER), 1_000_000);
    assert_eq!(ledger.client_counts().succeeded, 1);
}

#[test]
fn what_cannot_pay_or_be_loaded_never_lands() {
    let me = client().pubkey();
    let give = |lamports| transfer(&me, &STRANGER, lamports);
    let [units, price] = budget(1_400_000, 10_000_000_000);
    let rows: Vec<(&str, Vec<Instruction>, TransactionError)> = vec![
        ("a fee above the balance", vec![units, price], TransactionError::InsufficientFundsForFee),
        (
            "two limits",
            vec![budget(1, 1)[0].clone(), budget(1, 1)[0].clone()],
            TransactionError::DuplicateInstruction(1),
        ),
    ];
    for (shows, instructions, error) in rows {
        let mut ledger = ledger(&spec());
        let sent = sign(&ledger, &client(), &instructions);
        assert_eq!(
            ledger.simulate(&sent, newest(&ledger), SimulatedHash::Own).error,
            Some(error),
            "{shows}"
        );
        ledger.submit(sent.clone());
        next_block(&mut ledger);
        assert!(ledger.record(&sent.id(), u64::MAX).is_none(), "{shows}");
        assert_eq!(lamports(&ledger, &me), CLIENT_LAMPORTS, "{shows}");
    }
    // What the account itself cannot bear lands and fails.
    let mut ledger = ledger(&spec());
    for (lamports, says) in [
        (CLIENT_LAMPORTS, "Error processing Instruction 0: custom program error: 0x1"),
        (1, "Transaction results in an account (1) with insufficient funds for rent"),
        (
            CLIENT_LAMPORTS - 20_000,
            "Transaction results in an account (0) with insufficient funds for rent",
        ),
    ] {
        let sent = sign(&ledger, &client(), &[give(lamports)]);
        assert_eq!(error_text(&land(&mut ledger, &sent)), says);
    }
    let poor = solana_keypair::Keypair::new_from_array([3; 32]);
    let sent = sign(&ledger, &poor, &[transfer(&poor.pubkey(), &me, 1)]);
    let result = ledger.simulate(&sent, newest(&ledger), SimulatedHash::Own);
    assert_eq!(result.error, Some(TransactionError::AccountNotFound));
}

#[test]
fn lookup_tables_save_bytes_and_change_nothing() {
    let me = client().pubkey();
    let before = pool(&ledger(&spec()), &SOL_USDC_POOL);
    let order = Swap::exact_in(1_000_000_000, Direction::AToB);
    let instruction = order.v2(&me, &SOL_USDC_POOL, &before);
    let addresses: Vec<Pubkey> = instruction.accounts[4..].iter().map(|a| a.pubkey).collect();
    let key = Pubkey::new_from_array([5; 32]);
    let table = TableSpec { address: key, authority: me, addresses: addresses.clone() };
    let mut ledger = ledger(&LedgerSpec { tables: vec![table], ..spec() });
    let hash = ledger.block(Commitment::Confirmed, 0).hash;
    let tables = [AddressLookupTableAccount { key, addresses }];
    let plain = sign_with(hash, &client(), std::slice::from_ref(&instruction), &[]);
    let short = sign_with(hash, &client(), std::slice::from_ref(&instruction), &tables);
    assert!(short.bytes().len() + 250 < plain.bytes().len());
    let record = land(&mut ledger, &short);
    assert_eq!(error_text(&record), "", "{:#?}", record.executed.logs);
    assert_eq!(record.executed.from_tables, (9, 2));
    assert_eq!(tokens(&ledger, &me, &WSOL), CLIENT_WSOL - 1_000_000_000);
    let elsewhere = [AddressLookupTableAccount { key: STRANGER, ..tables[0].clone() }];
    let sent = sign_with(hash, &client(), std::slice::from_ref(&instruction), &elsewhere);
    let result = ledger.simulate(&sent, newest(&ledger), SimulatedHash::Own);
    assert_eq!(result.error, Some(TransactionError::AddressLookupTableNotFound));
    let mut longer = tables[0].clone();
    longer.addresses.insert(0, STRANGER);
    let sent = sign_with(hash, &client(), &[instruction], &[longer]);
    let result = ledger.simulate(&sent, newest(&ledger), SimulatedHash::Own);
    assert_eq!(result.error, Some(TransactionError::InvalidAddressLookupTableIndex));
}

#[test]
fn token_accounts_are_made_filled_and_closed() {
    let mut ledger = ledger(&spec());
    let me = client().pubkey();
    let theirs = associated_token_address(&STRANGER, &WSOL);
    let make = Instruction {
        program_id: ASSOCIATED_TOKEN,
        accounts: vec![
            AccountMeta::new(me, true),
            AccountMeta::new(theirs, false),
            AccountMeta::new_readonly(STRANGER, false),
            AccountMeta::new_readonly(WSOL, false),
            AccountMeta::new_readonly(SYSTEM, false),
            AccountMeta::new_readonly(TOKEN, false),
        ],
        data: vec![1],
    };
    let token = |accounts, data| Instruction { program_id: TOKEN, accounts, data };
    let mine = associated_token_address(&me, &WSOL);
    let mut checked = vec![12];
    checked.extend(1_000_u64.to_le_bytes());
    checked.push(9);
    let pay = token(
        vec![
            AccountMeta::new(mine, false),
            AccountMeta::new_readonly(WSOL, false),
            AccountMeta::new(theirs, false),
            AccountMeta::new_readonly(me, true),
        ],
        checked,
    );
    let wrap = [transfer(&me, &mine, 77), token(vec![AccountMeta::new(mine, false)], vec![17])];
    let memo = Instruction { program_id: MEMO, accounts: vec![], data: b"hello".to_vec() };
    let [first, second] = wrap;
    let sent = sign(&ledger, &client(), &[make.clone(), make, pay, first, second, memo]);
    let record = land(&mut ledger, &sent);
    assert_eq!(error_text(&record), "", "{:#?}", record.executed.logs);
    assert!(record.executed.logs.contains(&"Program log: Memo (len 5): \"hello\"".to_owned()));
    assert_eq!(tokens(&ledger, &STRANGER, &WSOL), 1_000);
    assert_eq!(tokens(&ledger, &me, &WSOL), CLIENT_WSOL - 1_000 + 77);
    assert_eq!(lamports(&ledger, &me), CLIENT_LAMPORTS - 5_000 - 2_039_280 - 77);
    let close = token(
        vec![
            AccountMeta::new(mine, false),
            AccountMeta::new(me, false),
            AccountMeta::new_readonly(me, true),
        ],
        vec![9],
    );
    let sent = sign(&ledger, &client(), &[close]);
    assert_eq!(error_text(&land(&mut ledger, &sent)), "");
    assert!(ledger.account(&mine, newest(&ledger)).is_none());
    let all = CLIENT_LAMPORTS - 2 * 5_000 - 2_039_280 - 77 + CLIENT_WSOL - 1_000 + 77 + 2_039_280;
    assert_eq!(lamports(&ledger, &me), all);
}

#[test]
fn signatures_are_checked_and_bytes_must_be_whole() {
    let ledger = ledger(&spec());
    let me = client().pubkey();
    let sent = sign(&ledger, &client(), &[transfer(&me, &STRANGER, 1_000_000)]);
    assert!(sent.is_signed());
    for at in [1, 40, sent.bytes().len() - 1] {
        let mut bytes = sent.bytes().to_vec();
        bytes[at] ^= 1;
        let broken = ClientTransaction::decode(&bytes);
        assert!(!broken.is_ok_and(|transaction| transaction.is_signed()), "byte {at}");
    }
    for length in 0..sent.bytes().len() {
        assert!(ClientTransaction::decode(&sent.bytes()[..length]).is_err(), "cut at {length}");
    }
    let longer = [sent.bytes(), &[0]].concat();
    assert!(matches!(ClientTransaction::decode(&longer), Err(Undecodable::Malformed(_))));
    let packet = [sent.bytes(), &[0; 1_232][..]].concat();
    assert!(matches!(ClientTransaction::decode(&packet), Err(Undecodable::TooLong { .. })));
}

#[test]
fn chance_delays_and_loses_the_same_transactions_each_time() {
    let run = || {
        let chance = LedgerSpec { landing_slots_max: 3, lost_permille: 300, ..spec() };
        let mut ledger = ledger(&chance);
        let me = client().pubkey();
        let mut slots = Vec::new();
        for lamports in 1..=20_u64 {
            let give = transfer(&me, &STRANGER, 1_000_000 + lamports);
            let sent = sign(&ledger, &client(), &[give]);
            let before = newest(&ledger);
            ledger.submit(sent.clone());
            for _ in 0..5 {
                next_block(&mut ledger);
            }
            slots.push(ledger.record(&sent.id(), u64::MAX).map(|record| record.slot - before));
        }
        (slots, ledger.client_counts())
    };
    let (slots, counts) = run();
    assert_eq!((slots.clone(), counts), run());
    assert!(counts.lost > 0 && counts.succeeded > 8);
    let landed: std::collections::BTreeSet<u64> = slots.into_iter().flatten().collect();
    assert!(landed.len() > 1 && landed.iter().all(|slots| (1..=4).contains(slots)), "{landed:?}");
}

#[test]
fn the_faucet_gives() {
    let mut ledger = ledger(&spec());
    let signature = ledger.airdrop(&STRANGER, 2_000_000_000).expect("within bounds");
    next_block(&mut ledger);
    assert_eq!(lamports(&ledger, &STRANGER), 2_000_000_000);
    assert!(ledger.record(&signature, u64::MAX).is_some());
    assert_eq!(ledger.airdrop(&STRANGER, AIRDROP_LAMPORTS_MAX + 1), None);
}
