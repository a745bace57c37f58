"""ccxt.pro over WebSocket: book, trades, and the account's orders as they change."""

import asyncio
import sys
from decimal import Decimal

import ccxt.pro

from emulator import exact, keys, place, same

SYMBOL = "SOL/USD"

# The public book may be a second old; the one for key holders is not.
NOW = {"usePrivate": True}

# An IOC may find that the market has moved on: so many are sent until one fills.
TRIES = 10

# How long anything may take to arrive. Unit: seconds.
PATIENCE_S = 60


def client():
    key = keys("coinbase")["es256"]
    exchange = ccxt.pro.coinbase({"apiKey": key["name"], "secret": key["secret"]})
    exchange.urls["api"]["rest"] = place("coinbase")["http"]
    exchange.urls["api"]["ws"] = place("coinbase")["ws"]
    return exchange


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def check_book(exchange):
    """The book is not crossed after any message, and it is the one that REST tells."""
    for symbol in (SYMBOL, "SOL/USDC"):
        for _ in range(20):
            book = await soon(exchange.watch_order_book(symbol))
            assert book["bids"] and book["asks"], "both sides"
            assert book["bids"][0][0] < book["asks"][0][0], "the book is not crossed"
    # Both move on between two looks: of some tries one must fall between two changes.
    for _ in range(200):
        book = await soon(exchange.watch_order_book(SYMBOL))
        mine = [book["bids"][0], book["asks"][0]]
        told = await exchange.fetch_order_book(SYMBOL, 1, NOW)
        if mine == [told["bids"][0], told["asks"][0]]:
            return
    raise AssertionError("the book never was the one that REST tells")


async def check_trades(exchange):
    trades = await soon(exchange.watch_trades(SYMBOL))
    assert trades and trades[0]["price"] > 0
    ticker = await soon(exchange.watch_ticker(SYMBOL))
    assert ticker["bid"] < ticker["ask"], "the ticker is not crossed"


async def follow(exchange):
    """Keeps the watch of the account's orders going; the client remembers what it was told."""
    while True:
        await exchange.watch_orders()


async def order_with(exchange, order_id, status):
    """What the client was told of an order, once it has a status."""
    for _ in range(PATIENCE_S * 20):
        for order in exchange.orders or []:
            if order["id"] == order_id and order["status"] == status:
                return order
        await asyncio.sleep(0.05)
    raise AssertionError(f"order {order_id} was never {status}")


async def ioc_fills(exchange):
    """Sends an IOC and checks what is told of it; whether it filled anything."""
    before = await exchange.fetch_balance({"v3": True})
    book = await exchange.fetch_order_book(SYMBOL, 5, NOW)
    price = book["asks"][0][0] * 1.01
    created = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.25, price, {"timeInForce": "IOC"}
    )
    order = await exchange.fetch_order(created["id"])
    told = await order_with(exchange, created["id"], order["status"])
    row, info = told["info"], order["info"]
    for mine, theirs in [
        ("cumulative_quantity", "filled_size"),
        ("filled_value", "filled_value"),
        ("total_fees", "total_fees"),
        ("number_of_fills", "number_of_fills"),
        ("status", "status"),
    ]:
        same(mine, row[mine], info[theirs])
    same("rest", exact(row["leaves_quantity"]), Decimal(0))
    fills = await exchange.fetch_my_trades(SYMBOL, params={"order_ids": [created["id"]]})
    filled = sum(exact(fill["info"]["size"]) for fill in fills)
    same("fills", filled, exact(row["cumulative_quantity"]))
    after = await exchange.fetch_balance({"v3": True})
    moved = Decimal(str(after["SOL"]["free"])) - Decimal(str(before["SOL"]["free"]))
    same("SOL", moved, filled)
    return filled > 0


async def check_orders(exchange):
    # The first answer is the snapshot: the watch is under way before anything is ordered.
    await soon(exchange.watch_orders())
    watch = asyncio.ensure_future(follow(exchange))
    for _ in range(TRIES):
        if await ioc_fills(exchange):
            break
    else:
        raise AssertionError("no IOC finds anything")

    bid = (await exchange.fetch_order_book(SYMBOL, 5, NOW))["bids"][0][0]
    resting = await exchange.create_order(
        SYMBOL, "limit", "buy", 1, bid * 0.97, {"postOnly": True}
    )
    await order_with(exchange, resting["id"], "open")
    await exchange.cancel_order(resting["id"])
    await order_with(exchange, resting["id"], "canceled")
    watch.cancel()


async def main():
    exchange = client()
    try:
        await exchange.load_markets()
        await check_book(exchange)
        await check_trades(exchange)
        await check_orders(exchange)
    finally:
        await exchange.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
