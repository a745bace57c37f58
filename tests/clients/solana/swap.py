"""solders and solana-py: a swap built, simulated, sent, and followed over pubsub to its end."""

import asyncio
import ssl

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import TxOpts
from solana.rpc.websocket_api import SolanaWsClient, SubscriptionKind
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.token.associated import get_associated_token_address
from solders.transaction import VersionedTransaction

from emulator import CA_FILE, keys, place, same
from whirlpool import POOL, USDC, WSOL, Pool, sell, traded

# How long anything may take to arrive. Unit: seconds.
PATIENCE_S = 60

# Sold for USDC. Unit: lamports.
AMOUNT = 1_500_000_000

# Compute units asked for, and their price in micro-lamports.
UNITS = 200_000
PRICE = 70_001

OPTIONS = TxOpts(preflight_commitment=Processed)


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def tokens(client, owner, mint):
    account = get_associated_token_address(owner, mint)
    return int((await client.get_token_account_balance(account, Confirmed)).value.amount)


async def build(client, owner, least):
    """A signed swap on the pool as it is, and its last valid height."""
    pool = Pool((await client.get_account_info(POOL, Processed, "base64")).value.data)
    latest = (await client.get_latest_blockhash(Processed)).value
    budget = [set_compute_unit_limit(UNITS), set_compute_unit_price(PRICE)]
    instructions = [*budget, sell(pool, owner.pubkey(), AMOUNT, least)]
    message = MessageV0.try_compile(owner.pubkey(), instructions, [], latest.blockhash)
    fee = (await client.get_fee_for_message(message, Processed)).value
    # Rounded up: 5,000 for the signature, and the price of all units asked for.
    same("fee", fee, 5_000 + -(-UNITS * PRICE // 1_000_000))
    return VersionedTransaction(message, [owner]), fee


async def follow(link, wanted):
    """The next notification of a kind, and the pool's states on the way."""
    states = {}
    while True:
        told = await soon(link.recv())
        kind = wanted.get(told.subscription)
        if kind == SubscriptionKind.ACCOUNT:
            states[told.result.context.slot] = Pool(told.result.value.data)
        elif kind == SubscriptionKind.SIGNATURE:
            return told.result, states


async def check_subscriptions(link):
    """Slots come one after the other, and the pool's account when it changes."""
    slots = await soon(link.slot_subscribe())
    pool = await soon(link.account_subscribe(pubkey=POOL, commitment=Processed, encoding="base64"))
    seen, states = [], 0
    while len(seen) < 8 or states == 0:
        told = await soon(link.recv())
        if told.subscription == slots.subscription_id:
            seen.append(told.result)
        else:
            same("subscription", told.subscription, pool.subscription_id)
            assert Pool(told.result.value.data).sqrt_price > 0
            states += 1
    for before, after in zip(seen, seen[1:]):
        same("parent", after.parent, before.slot)
        assert after.slot > before.slot and after.root < after.slot
    await soon(link.unsubscribe(slots))
    return pool


async def check_swap(client, link, pool, owner):
    signer = owner.pubkey()
    before = [await tokens(client, signer, mint) for mint in (WSOL, USDC)]
    lamports = (await client.get_balance(signer, Confirmed)).value
    transaction, fee = await build(client, owner, 1)
    simulated = (await client.simulate_transaction(transaction, True, Processed)).value
    same("simulated", simulated.err, None)
    assert 20_000 < simulated.units_consumed < UNITS
    _, _, paid, expected = traded(simulated.logs)
    same("simulated amount", paid, AMOUNT)

    sent = (await client.send_transaction(transaction, OPTIONS)).value
    same("signature", sent, transaction.signatures[0])
    signature = await soon(link.signature_subscribe(signature=sent, commitment=Confirmed))
    wanted = {pool.subscription_id: pool.kind, signature.subscription_id: signature.kind}
    told, states = await follow(link, wanted)
    same("error", told.value.err, None)
    status = (await client.get_signature_statuses([sent])).value[0]
    same("slot", (status.slot, status.err), (told.context.slot, None))

    found = await client.get_transaction(sent, "json", Confirmed, max_supported_transaction_version=0)
    meta = found.value.transaction.meta
    same("fee", (meta.err, meta.fee), (None, fee))
    start, end, paid, got = traded(meta.log_messages)
    same("paid", paid, AMOUNT)
    assert end < start, "the price fell"
    assert abs(got - expected) * 50 < expected, f"{got} for {expected}: the market moves, but not so far"
    after = [await tokens(client, signer, mint) for mint in (WSOL, USDC)]
    same("WSOL", after[0], before[0] - AMOUNT)
    same("USDC", after[1], before[1] + got)
    same("SOL", (await client.get_balance(signer, Confirmed)).value, lamports - fee)
    same("the pool as it was told", states[status.slot].sqrt_price, end)


async def check_refusals(client, owner):
    """A swap that asks for too much: refused by the preflight, or failed at the cost of its fee."""
    lamports = (await client.get_balance(owner.pubkey(), Confirmed)).value
    dear, fee = await build(client, owner, 2**63)
    try:
        await client.send_transaction(dear, OPTIONS)
    except RPCException as refused:
        assert "0x1794" in str(refused) and "AmountOutBelowMinimum" in str(refused), refused
    else:
        raise AssertionError("the preflight saw nothing")
    skips = TxOpts(skip_preflight=True, preflight_commitment=Processed)
    sent = (await client.send_transaction(dear, skips)).value
    status = (await soon(client.confirm_transaction(sent, Confirmed))).value[0]
    assert "6036" in str(status.err), status.err
    same("SOL", (await client.get_balance(owner.pubkey(), Confirmed)).value, lamports - fee)
    forged = VersionedTransaction.populate(dear.message, [Keypair().sign_message(b"else")])
    try:
        await client.send_transaction(forged, OPTIONS)
    except RPCException as refused:
        assert "SignatureVerificationFailure" in str(refused), refused
    else:
        raise AssertionError("a forged signature")


async def check_finality(client, owner):
    transaction, _ = await build(client, owner, 1)
    sent = (await client.send_transaction(transaction, OPTIONS)).value
    status = (await soon(client.confirm_transaction(sent, Finalized))).value[0]
    same("error", status.err, None)
    same("confirmations", status.confirmations, None)


async def main():
    owner = Keypair.from_base58_string(keys("solana")["keypair"])
    trusted = ssl.create_default_context(cafile=CA_FILE)
    async with AsyncClient(place("solana")["http"]) as client:
        for address, options in [(place("solana")["ws"], {}), (place("solana")["wss"], {"ssl": trusted})]:
            async with SolanaWsClient(address, **options) as link:
                pool = await check_subscriptions(link)
                await check_swap(client, link, pool, owner)
        await check_refusals(client, owner)
        await check_finality(client, owner)


asyncio.run(main())
