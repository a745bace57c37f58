"""ccxt.pro over WebSocket: book, trades, and the account's orders as they change."""

import asyncio
import sys
from decimal import Decimal

import ccxt.pro

from emulator import exact, keys, place, same

SYMBOL = "SOL/USD"

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
    for _ in range(50):
        book = await soon(exchange.watch_order_book(SYMBOL))
        mine = [book["bids"][0], book["asks"][0]]
        told = await exchange.fetch_order_book(SYMBOL, 1, {"usePrivate": True})
        if mine == [told["bids"][0], told["asks"][0]]:
            return
    raise AssertionError("the book never was the one that REST tells")


async def check_trades(exchange):
    trades = await soon(exchange.watch_trades(SYMBOL))
    assert trades and trades[0]["price"] > 0
    ticker = await soon(exchange.watch_ticker(SYMBOL))
    assert ticker["bid"] < ticker["ask"], "the ticker is not crossed"


async def orders_until(exchange, order_id, status):
    """Waits for an order to reach a status; what was told of it."""
    while True:
        for order in await soon(exchange.watch_orders()):
            if order["id"] == order_id and order["status"] == status:
                return order


async def check_orders(exchange):
    # The first answer is the snapshot: the watch is under way before anything is ordered.
    watch = asyncio.ensure_future(exchange.watch_orders())
    await soon(watch)
    before = await exchange.fetch_balance({"v3": True})
    book = await exchange.fetch_order_book(SYMBOL)
    price = book["asks"][0][0] * 1.01
    created = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.25, price, {"timeInForce": "IOC"}
    )
    order = await exchange.fetch_order(created["id"])
    told = await orders_until(exchange, created["id"], order["status"])
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
    assert filled > 0
    after = await exchange.fetch_balance({"v3": True})
    moved = Decimal(str(after["SOL"]["free"])) - Decimal(str(before["SOL"]["free"]))
    same("SOL", moved, filled)

    resting = await exchange.create_order(
        SYMBOL, "limit", "buy", 1, book["bids"][0][0] * 0.97, {"postOnly": True}
    )
    await orders_until(exchange, resting["id"], "open")
    await exchange.cancel_order(resting["id"])
    await orders_until(exchange, resting["id"], "canceled")


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
