"""solana-py over HTTP, plain and TLS: accounts, tokens, slots, blockhashes, fees, refusals."""

import asyncio
import os
from decimal import Decimal

from emulator import CA_FILE, keys, place, same

# Read by the HTTP client when it is made.
os.environ["SSL_CERT_FILE"] = CA_FILE

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import DataSliceOpts, MemcmpOpts, TokenAccountOpts
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from whirlpool import POOL, PROGRAM, TOKEN, USDC, WSOL, Pool

LAMPORTS = 1_000_000_000


async def check_accounts(client):
    answer = await client.get_account_info(POOL, Processed, "base64")
    same("owner", answer.value.owner, PROGRAM)
    pool = Pool(answer.value.data)
    same("mints", (pool.mint_a, pool.mint_b), (WSOL, USDC))
    arrays = [pool.array(away) for away in (-2, -1, 0, 1)]
    absent = Pubkey.find_program_address([b"nobody"], PROGRAM)[0]
    asked = [POOL, *arrays, pool.vault_a, WSOL, USDC, absent]
    together = await client.get_multiple_accounts(asked, Processed, "base64")
    same("accounts", len(together.value), len(asked))
    same("absent", together.value[-1], None)
    assert together.context.slot >= answer.context.slot
    present = [account for account in together.value[1:5] if account]
    assert present and all(len(account.data) == 9988 for account in present)
    packed = await client.get_account_info(arrays[2], Finalized, "base64+zstd")
    same("the same bytes", len(packed.value.data), 9988)
    part = await client.get_account_info(POOL, Processed, "base64", DataSliceOpts(offset=8, length=32))
    same("a part", len(part.value.data), 32)
    filters = [9988, MemcmpOpts(offset=9956, bytes=str(POOL))]
    of_program = await client.get_program_accounts(PROGRAM, Finalized, "base64", None, filters)
    assert len(of_program.value) > 10, "every array of the pool"


async def check_tokens(client, owner):
    balance = await client.get_balance(owner)
    same("SOL", balance.value, 1_000 * LAMPORTS)
    for mint, text, raw, decimals in [(WSOL, "100", 100 * LAMPORTS, 9), (USDC, "50000", 50_000_000_000, 6)]:
        account = get_associated_token_address(owner, mint)
        held = (await client.get_token_account_balance(account)).value
        same("amount", (held.amount, held.decimals, held.ui_amount_string), (str(raw), decimals, text))
        same("number", Decimal(held.ui_amount), Decimal(text))
        found = await client.get_token_accounts_by_owner(owner, TokenAccountOpts(mint=mint, encoding="base64"))
        same("account", [entry.pubkey for entry in found.value], [account])
    every = TokenAccountOpts(program_id=TOKEN, encoding="base64")
    same("accounts", len((await client.get_token_accounts_by_owner(owner, every)).value), 2)


async def check_chain(client):
    assert await client.is_connected(), "healthy"
    slots = [(await client.get_slot(each)).value for each in (Finalized, Confirmed, Processed)]
    assert slots[0] < slots[1] < slots[2], slots
    height = (await client.get_block_height(Processed)).value
    assert height < slots[2], "not every slot has a block"
    latest = (await client.get_latest_blockhash(Confirmed)).value
    assert 100 < latest.last_valid_block_height - height <= 150
    epoch = (await client.get_epoch_info(Processed)).value
    same("epoch", epoch.absolute_slot // 432_000, epoch.epoch)
    same("rent", (await client.get_minimum_balance_for_rent_exemption(165)).value, 2_039_280)
    leaders = (await client.get_slot_leaders(slots[2], 10)).value
    same("leaders", len(leaders), 10)
    fees = (await client.get_recent_prioritization_fees([POOL])).value
    assert len(fees) == 150 and any(fee.prioritization_fee > 0 for fee in fees)
    assert (await client.get_version()).value.solana_core
    assert (await client.get_genesis_hash()).value
    assert (await client.get_block_time(slots[1])).value > 1_600_000_000


async def check_refusals(client):
    try:
        await client.get_account_info(POOL, Processed, "base58")
    except RPCException as refused:
        assert "Base64" in str(refused), refused
    else:
        raise AssertionError("653 bytes in base58")
    try:
        await client.get_block_time(1)
    except RPCException as refused:
        assert "skipped" in str(refused), refused
    else:
        raise AssertionError("a time of slot 1")


async def check_funds(client):
    stranger = Pubkey.find_program_address([b"stranger"], PROGRAM)[0]
    given = (await client.request_airdrop(stranger, 2 * LAMPORTS)).value
    status = (await client.confirm_transaction(given, Confirmed)).value[0]
    same("error", status.err, None)
    same("funds", (await client.get_balance(stranger, Confirmed)).value, 2 * LAMPORTS)


async def main():
    owner = Pubkey.from_string(keys("solana")["address"])
    for scheme in ("http", "https"):
        async with AsyncClient(place("solana")[scheme]) as client:
            await check_chain(client)
            await check_accounts(client)
            await check_refusals(client)
    async with AsyncClient(place("solana")["http"]) as client:
        await check_tokens(client, owner)
        await check_funds(client)


asyncio.run(main())
