//! Quotes from files of accounts against the pool arithmetic called directly.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::PoolFields;
use connector_solana::accounts::AccountFile;
use connector_solana::address::{
    SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM, USDC_MINT, WHIRLPOOL_PROGRAM,
    WRAPPED_SOL_MINT, oracle_address, tick_array_address,
};
use connector_solana::layout::{PoolAccount, TickArrayView};
use connector_solana::outcome::OutputForm;
use connector_solana::quote::{QuoteArgs, QuoteCommand, QuoteFailure, quote, run};
use engine_poolmath::whirlpool::{Amount, Direction, SwapRequest, TickArraySet, swap};
use solana_pubkey::{Pubkey, pubkey};

const POOL: Pubkey = pubkey!("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ");

/// A file of accounts in the flat form.
struct Container(Vec<String>);

impl Container {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, pubkey: &Pubkey, owner: &Pubkey, data: &[u8]) -> Self {
        let data = STANDARD.encode(data);
        self.0.push(format!(
            "{{\"pubkey\":\"{pubkey}\",\"owner\":\"{owner}\",\"data\":[\"{data}\",\"base64\"]}}"
        ));
        self
    }

    fn without(mut self, pubkey: &Pubkey) -> Self {
        self.0.push(format!("{{\"pubkey\":\"{pubkey}\",\"account\":null}}"));
        self
    }

    fn text(&self) -> String {
        format!("{{\"slot\":1,\"accounts\":[{}]}}", self.0.join(",\n"))
    }

    fn read(&self) -> AccountFile {
        AccountFile::parse("f.json", self.text().as_bytes()).expect("well formed")
    }
}

/// The first worked vector of the reference: spacing 64, 0.3 %, one position from -640 to 640.
fn plain_pool() -> PoolFields {
    PoolFields {
        tick_spacing: 64,
        fee_tier_index: 64,
        fee_rate_ppm: 3000,
        protocol_fee_rate: 1300,
        liquidity: 1_000_000_000_000,
        sqrt_price: 1 << 64,
        tick_current_index: 0,
        mint_a: WRAPPED_SOL_MINT,
        mint_b: USDC_MINT,
    }
}

fn array_at(start: i32) -> Pubkey {
    tick_array_address(&WHIRLPOOL_PROGRAM, &POOL, start)
}

fn plain_container() -> Container {
    let low = common::fixed_array_bytes(&POOL, -5632, &[(78, 1_000_000_000_000)]);
    let high = common::dynamic_array_bytes(&POOL, 0, &[(10, -1_000_000_000_000)]);
    Container::new()
        .with(&POOL, &WHIRLPOOL_PROGRAM, &common::pool_bytes(&plain_pool()))
        .with(&array_at(-5632), &WHIRLPOOL_PROGRAM, &low)
        .with(&array_at(0), &WHIRLPOOL_PROGRAM, &high)
}

fn args(direction: Direction, amount: Amount) -> QuoteArgs {
    QuoteArgs { pool: POOL, direction, amount, now_s: None, epoch: None }
}

#[test]
fn the_worked_vector_comes_out() {
    let file = plain_container().read();
    let report = quote(&file, &args(Direction::AToB, Amount::ExactIn(1_000_000_000))).expect("in");
    assert_eq!((report.amount_in, report.amount_out), (1_000_000_000, 996_006_981));
    assert_eq!((report.sqrt_price, report.tick), (18_428_370_987_834_680_440, -20));
    assert_eq!((report.protocol_fee, report.ticks_crossed), (390_000, 0));
    assert_eq!(report.assumed, [WRAPPED_SOL_MINT.to_string(), USDC_MINT.to_string()]);
    let report = quote(&file, &args(Direction::BToA, Amount::ExactIn(1_000_000_000))).expect("in");
    assert_eq!((report.amount_out, report.sqrt_price), (996_006_981, 18_465_135_477_551_040_038));
    let report =
        quote(&file, &args(Direction::AToB, Amount::ExactOut(1_000_000_000))).expect("out");
    assert_eq!((report.amount_in, report.protocol_fee), (1_004_013_042, 391_565));
}

#[test]
fn what_is_absent_is_named_and_what_does_not_exist_is_empty() {
    let large = args(Direction::AToB, Amount::ExactIn(1_000_000_000_000));
    // Walks beyond -5632, where the file says nothing.
    let third = array_at(-11264);
    let failure = quote(&plain_container().read(), &large).expect_err("an array is missing");
    assert_eq!((failure.name(), failure.address()), ("AccountAbsent", Some(third)));
    assert!(failure.to_string().contains(&third.to_string()), "{failure}");
    let failure =
        quote(&plain_container().without(&third).read(), &large).expect_err("all used up");
    assert_eq!((failure.name(), failure.code()), ("TickArraySequenceInvalidIndex", Some(6038)));
    let vacant = plain_container().with(&third, &SYSTEM_PROGRAM, &[]).read();
    assert_eq!(quote(&vacant, &large).expect_err("all used up").code(), Some(6038));
    // A small swap never looks there, so a broken account there changes nothing.
    let small = args(Direction::AToB, Amount::ExactIn(5));
    let broken = plain_container().with(&third, &WHIRLPOOL_PROGRAM, &[1, 2, 3]).read();
    assert!(quote(&broken, &small).is_ok(), "not walked");
    assert_eq!(quote(&broken, &large).expect_err("walked").name(), "BadAccount");

    let empty = Container::new().read();
    let failure = quote(&empty, &small).expect_err("no pool");
    assert_eq!((failure.name(), failure.address()), ("AccountAbsent", Some(POOL)));
    let failure = quote(&Container::new().without(&POOL).read(), &small).expect_err("no pool");
    assert_eq!(failure.name(), "AccountNonexistent");
}

#[test]
fn accounts_of_another_place_are_refused() {
    let small = args(Direction::AToB, Amount::ExactIn(5));
    let pool = common::pool_bytes(&plain_pool());
    let other = Pubkey::new_from_array([9; 32]);
    let with_pool = || Container::new().with(&POOL, &WHIRLPOOL_PROGRAM, &pool);
    let good = common::fixed_array_bytes(&POOL, 0, &[]);
    let rows = [
        (Container::new().with(&POOL, &other, &pool), "AccountOwner"),
        (Container::new().with(&POOL, &WHIRLPOOL_PROGRAM, &pool[..652]), "BadAccount"),
        (with_pool().with(&array_at(0), &other, &good), "AccountOwner"),
        (
            with_pool().with(
                &array_at(0),
                &WHIRLPOOL_PROGRAM,
                &common::fixed_array_bytes(&other, 0, &[]),
            ),
            "AccountElsewhere",
        ),
        (
            with_pool().with(
                &array_at(0),
                &WHIRLPOOL_PROGRAM,
                &common::fixed_array_bytes(&POOL, 5632, &[]),
            ),
            "AccountElsewhere",
        ),
        (with_pool().with(&USDC_MINT, &other, &common::mint_bytes(None, &[])), "AccountOwner"),
        (with_pool().with(&USDC_MINT, &TOKEN_PROGRAM, &[0; 82]), "BadAccount"),
    ];
    for (container, name) in rows {
        assert_eq!(quote(&container.read(), &small).expect_err(name).name(), name);
    }
}

#[test]
fn transfer_fees_wrap_the_swap_and_need_the_epoch() {
    // 1 % before epoch 9 with at most 3,000,000 units, 2.5 % from it on without a practical limit.
    let value = common::transfer_fee_value((3, 3_000_000, 100), (9, u64::MAX, 250));
    let mint = common::mint_bytes(None, &[(1, value)]);
    let container = plain_container().with(&WRAPPED_SOL_MINT, &TOKEN_2022_PROGRAM, &mint).with(
        &USDC_MINT,
        &TOKEN_PROGRAM,
        &common::mint_bytes(None, &[]),
    );
    let file = container.read();
    let asked = args(Direction::AToB, Amount::ExactIn(1_000_000_000));
    let failure = quote(&file, &asked).expect_err("no epoch");
    assert!(matches!(failure, QuoteFailure::EpochMissing { mint } if mint == WRAPPED_SOL_MINT));
    for (epoch, fee) in [(8, 3_000_000), (9, 25_000_000)] {
        let report = quote(&file, &QuoteArgs { epoch: Some(epoch), ..asked }).expect("quotes");
        assert_eq!((report.amount_in, report.transfer_fee_in), (1_000_000_000, fee));
        let net = args(Direction::AToB, Amount::ExactIn(1_000_000_000 - fee));
        let bare = quote(&plain_container().read(), &net).expect("quotes");
        assert_eq!(report.amount_out, bare.amount_out, "the pool sees what is left");
        assert_eq!(report.assumed, Vec::<String>::new());
        let out = QuoteArgs {
            epoch: Some(epoch),
            ..args(Direction::BToA, Amount::ExactOut(500_000_000))
        };
        let report = quote(&file, &out).expect("quotes");
        assert!(report.amount_out >= 500_000_000 && report.transfer_fee_out > 0, "{report}");
    }
}

#[test]
fn an_adaptive_pool_needs_its_oracle_and_the_time() {
    // The fifth worked vector of the reference.
    let pool = PoolFields {
        tick_spacing: 2,
        fee_tier_index: 1027,
        fee_rate_ppm: 25_852,
        protocol_fee_rate: 1300,
        liquidity: 455_731_064_915_033,
        sqrt_price: 27_870_872_917_630_662_696,
        tick_current_index: 8254,
        ..plain_pool()
    };
    // Arrays of 88 * 2 = 176 ticks: 8096 holds 8156 and 8244 and 8256, 8272 holds 8352.
    let near = [(30, 455_731_064_817_988), (74, 97_045), (80, -97_045)];
    let near = common::fixed_array_bytes(&POOL, 8096, &near);
    let far = common::dynamic_array_bytes(&POOL, 8272, &[(40, -455_731_064_817_988)]);
    let base = || {
        Container::new()
            .with(&POOL, &WHIRLPOOL_PROGRAM, &common::pool_bytes(&pool))
            .with(&array_at(8096), &WHIRLPOOL_PROGRAM, &near)
            .with(&array_at(8272), &WHIRLPOOL_PROGRAM, &far)
    };
    let oracle = oracle_address(&WHIRLPOOL_PROGRAM, &POOL);
    let oracle_data = common::oracle_bytes(&POOL);
    let full = base().with(&oracle, &WHIRLPOOL_PROGRAM, &oracle_data).read();
    let asked = args(Direction::BToA, Amount::ExactIn(409_595_290_294));
    let timed = QuoteArgs { now_s: Some(1_700_000_364), ..asked };
    let report = quote(&full, &timed).expect("quotes");
    assert_eq!((report.amount_out, report.tick), (174_689_242_496, 8265));
    assert_eq!(report.liquidity, 455_731_064_817_988);
    assert_eq!(report.sqrt_price, 27_887_023_587_538_382_306);
    assert_eq!(report.protocol_fee, 1_376_604_715);

    assert_eq!(quote(&full, &asked).expect_err("no time").name(), "NowMissing");
    let early = QuoteArgs { now_s: Some(1_699_999_999), ..asked };
    assert_eq!(quote(&full, &early).expect_err("not open yet").code(), Some(6064));
    let failure = quote(&base().read(), &timed).expect_err("no oracle");
    assert_eq!((failure.name(), failure.address()), ("AccountAbsent", Some(oracle)));
    let elsewhere = common::oracle_bytes(&Pubkey::new_from_array([9; 32]));
    let elsewhere = base().with(&oracle, &WHIRLPOOL_PROGRAM, &elsewhere).read();
    assert_eq!(quote(&elsewhere, &timed).expect_err("foreign").name(), "AccountElsewhere");
}

#[test]
fn every_pool_of_2022_quotes_like_the_arithmetic() {
    let Some(file) = common::accounts("whirlpool_accounts_slot165023999_sol_usdc_pools.json.zst")
    else {
        return;
    };
    let mut quoted = 0;
    for (pubkey, account) in file.iter() {
        let Ok(pool) = PoolAccount::parse(&account.data) else { continue };
        let mut arrays = TickArraySet::with_capacity(200, pool.tick_spacing);
        for (_, other) in file.iter() {
            if let Ok(view) = TickArrayView::parse(&other.data)
                && view.pool() == *pubkey
            {
                view.fill(&mut arrays).expect("room");
            }
        }
        for direction in [Direction::AToB, Direction::BToA] {
            for amount in [1, 1_000_000, 1_000_000_000, 300_000_000_000, u64::MAX] {
                for amount in [Amount::ExactIn(amount), Amount::ExactOut(amount)] {
                    let request = SwapRequest {
                        amount,
                        direction,
                        sqrt_price_limit: 0,
                        now_s: 0,
                        inner_steps_max: 100,
                    };
                    let direct = swap(&pool.to_pool(), None, &arrays, &request);
                    let asked =
                        QuoteArgs { pool: *pubkey, direction, amount, now_s: None, epoch: None };
                    match (direct, quote(&file, &asked)) {
                        (Ok(direct), Ok(report)) => {
                            quoted += 1;
                            assert_eq!(report.amount_in, direct.amount_in());
                            assert_eq!(report.amount_out, direct.amount_out());
                            assert_eq!(report.fee_amount, direct.fee_amount);
                            assert_eq!(report.protocol_fee, direct.protocol_fee);
                            assert_eq!(report.sqrt_price, direct.sqrt_price);
                            assert_eq!(report.tick, direct.tick_current_index);
                            assert_eq!(report.liquidity, direct.liquidity);
                            assert_eq!(report.ticks_crossed, direct.ticks_crossed);
                        }
                        (Err(_), Err(QuoteFailure::AccountAbsent { .. })) => {}
                        (Err(direct), Err(QuoteFailure::Swap(error))) => assert_eq!(direct, error),
                        (direct, quoted) => panic!("{pubkey} {amount:?}: {direct:?} {quoted:?}"),
                    }
                }
            }
        }
    }
    assert!(quoted >= 50, "{quoted} quotes compared");
}

#[test]
fn the_command_prints_integers_as_text_and_errors_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("accounts.json");
    std::fs::write(&path, plain_container().text()).expect("writes");
    let pool = POOL.to_string();
    let command = QuoteCommand {
        accounts: &path,
        pool: &pool,
        direction: Direction::AToB,
        amount: Amount::ExactIn(1_000_000_000),
        now_s: None,
        epoch: None,
    };
    let outcome = run(&command, OutputForm::Json);
    let expected = "{\"amount_in\":\"1000000000\",\"amount_out\":\"996006981\",\
        \"fee_amount\":\"3000000\",\"protocol_fee\":\"390000\",\"transfer_fee_in\":\"0\",\
        \"transfer_fee_out\":\"0\",\"sqrt_price\":\"18428370987834680440\",\"tick\":\"-20\",\
        \"liquidity\":\"1000000000000\",\"ticks_crossed\":\"0\",\"assumed\":[\
        \"So11111111111111111111111111111111111111112\",\
        \"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v\"]}\n";
    assert_eq!((outcome.stdout.as_str(), outcome.exit_code), (expected, 0));

    let zero = QuoteCommand { amount: Amount::ExactIn(0), ..command };
    let outcome = run(&zero, OutputForm::Json);
    assert_eq!(outcome.stdout, "{\"error\":\"ZeroTradableAmount\",\"code\":6035}\n");
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);

    let rows = [
        (QuoteCommand { pool: "nonsense", ..command }, "nonsense", 1),
        (
            QuoteCommand { accounts: &folder.path().join("absent.json"), ..command },
            "absent.json",
            65,
        ),
    ];
    for (command, part, code) in rows {
        let outcome = run(&command, OutputForm::Text);
        assert_eq!((outcome.stdout.as_str(), outcome.exit_code), ("", code));
        assert!(outcome.stderr.contains(part) && outcome.stderr.contains("hint: "));
    }
}
