"""ccxt.pro over WebSocket: the joined book, trades, and the account's orders and fills."""

import asyncio
import sys
from decimal import Decimal

import ccxt.pro

from emulator import exact, keys, place, same, standing_still, truth

SYMBOL = "SOL/USD"

# How long anything may take to arrive. Unit: seconds.
PATIENCE_S = 60


def client():
    key = keys("bitstamp")
    exchange = ccxt.pro.bitstamp({"apiKey": key["key"], "secret": key["secret"]})
    for api in ("public", "private"):
        exchange.urls["api"][api] = place("bitstamp")["http"] + "/api"
    exchange.urls["api"]["ws"] = place("bitstamp")["ws"]
    return exchange


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def check_book(exchange):
    """Some diffs, the REST book, and the join: never crossed, and in the end the truth, whole."""
    for _ in range(40):
        book = await soon(exchange.watch_order_book(SYMBOL))
        assert book["bids"] and book["asks"], "both sides"
        assert book["bids"][0][0] < book["asks"][0][0], "the book is not crossed"
    with standing_still():
        told = truth("bitstamp", "SOL-USD")
        mine = None
        for _ in range(PATIENCE_S * 10):
            await asyncio.sleep(0.1)
            book = exchange.orderbooks[SYMBOL]
            mine = [rows(book["bids"]), rows(book["asks"])]
            if mine == told:
                return
    raise AssertionError(f"{mine[0][:3]} {mine[1][:3]} instead of {told[0][:3]} {told[1][:3]}")


def rows(side):
    """Price and size of each level, exactly: floats of this client are the shortest texts."""
    return [(Decimal(str(row[0])), Decimal(str(row[1]))) for row in side]


async def check_trades(exchange):
    trades = await soon(exchange.watch_trades(SYMBOL))
    assert trades and trades[0]["price"] > 0
    await exchange.un_watch_trades(SYMBOL)


async def keep(watch):
    """Watches for ever: what is told is in the client's caches."""
    while True:
        await watch(SYMBOL)


async def row_that(cache, wanted):
    """The first row of a cache that is as wanted; orders are overwritten by their later states."""
    for _ in range(PATIENCE_S * 20):
        for row in cache() or []:
            if wanted(row):
                return row["info"]
        await asyncio.sleep(0.05)
    raise AssertionError(f"nothing is as wanted: {cache()}")


async def subscribed(exchange, count):
    """Until the server has acknowledged so many private channels: this client does not wait."""
    while sum(exchange.private_acks.values()) < count:
        await asyncio.sleep(0.05)


def count_acks(exchange):
    """Counts acknowledgements of private channels."""
    exchange.private_acks = {}
    handle = exchange.handle_subscription_status

    def counted(connection, message):
        channel = message.get("channel", "")
        if channel.startswith("private-") and message["event"].endswith("succeeded"):
            exchange.private_acks[channel] = 1
        return handle(connection, message)

    exchange.handle_subscription_status = counted


async def check_orders(exchange):
    count_acks(exchange)
    watching = [
        asyncio.ensure_future(keep(watch))
        for watch in (exchange.watch_orders, exchange.watch_my_trades)
    ]
    await soon(subscribed(exchange, 2))
    before = await exchange.fetch_balance()
    book = await exchange.fetch_order_book(SYMBOL, params={"_": "0"})
    created = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.25, book["asks"][0][0] * 1.01, {"ioc_order": "True"}
    )

    def is_end(row):
        return row["id"] == created["id"] and row["info"]["event"] == "order_deleted"

    told = await row_that(lambda: exchange.orders, is_end)
    filled = exact(told["amount_traded"])
    assert filled > 0
    same("rest", exact(told["amount_str"]), Decimal("0.25") - filled)
    same("kind", told["order_subtype"], 4)
    of_order = lambda row: row["order"] == created["id"]
    fill = await row_that(lambda: exchange.myTrades, of_order)
    same("side", fill["side"], "buy")
    order = await exchange.fetch_order(created["id"], SYMBOL)
    rows = order["info"]["transactions"]
    same("fills", sum(exact(row["sol"]) for row in rows), filled)
    assert fill["fee"] in [row["fee"] for row in rows], (fill, rows)
    after = await exchange.fetch_balance()
    moved = Decimal(str(after["SOL"]["total"])) - Decimal(str(before["SOL"]["total"]))
    same("SOL", moved, filled)

    resting = await exchange.create_order(SYMBOL, "limit", "buy", 1, book["bids"][0][0] * 0.97)
    await row_that(lambda: exchange.orders, lambda row: row["id"] == resting["id"])
    await exchange.cancel_order(resting["id"], SYMBOL)

    def is_gone(row):
        return row["id"] == resting["id"] and row["info"]["event"] == "order_deleted"

    last = await row_that(lambda: exchange.orders, is_gone)
    same("traded", exact(last["amount_traded"]), Decimal(0))
    for task in watching:
        task.cancel()


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
