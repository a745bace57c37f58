"""ccxt.pro over WebSocket: the joined book, trades, and the account's orders and fills."""

import asyncio
import sys
import uuid
from decimal import Decimal

import ccxt.pro

from emulator import exact, keys, place, same

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
    """Some diffs, the REST book, and the join: never crossed, and the book that REST tells."""
    for _ in range(40):
        book = await soon(exchange.watch_order_book(SYMBOL))
        assert book["bids"] and book["asks"], "both sides"
        assert book["bids"][0][0] < book["asks"][0][0], "the book is not crossed"
    # Both move on between two looks: of some tries one must fall between two changes.
    for _ in range(50):
        book = await soon(exchange.watch_order_book(SYMBOL))
        mine = [book["bids"][:5], book["asks"][:5]]
        told = await exchange.fetch_order_book(SYMBOL, params={"_": str(uuid.uuid4())})
        if mine == [told["bids"][:5], told["asks"][:5]]:
            return
    raise AssertionError("the book never was the one that REST tells")


async def check_trades(exchange):
    trades = await soon(exchange.watch_trades(SYMBOL))
    assert trades and trades[0]["price"] > 0
    await exchange.un_watch_trades(SYMBOL)


async def until(exchange, watch, again, wanted):
    """Waits for something that is wanted in what a watch tells."""
    while True:
        for row in await soon(watch):
            if wanted(row):
                return row["info"]
        watch = asyncio.ensure_future(again(SYMBOL))


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
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    fills = asyncio.ensure_future(exchange.watch_my_trades(SYMBOL))
    await soon(subscribed(exchange, 2))
    before = await exchange.fetch_balance()
    book = await exchange.fetch_order_book(SYMBOL, params={"_": "0"})
    created = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.25, book["asks"][0][0] * 1.01, {"ioc_order": "True"}
    )

    def is_end(row):
        return row["id"] == created["id"] and row["info"]["event"] == "order_deleted"

    told = await until(exchange, orders, exchange.watch_orders, is_end)
    filled = exact(told["amount_traded"])
    assert filled > 0
    same("rest", exact(told["amount_str"]), Decimal("0.25") - filled)
    same("kind", told["order_subtype"], 4)
    fill = await until(
        exchange, fills, exchange.watch_my_trades, lambda row: row["order"] == created["id"]
    )
    same("side", fill["side"], "buy")
    order = await exchange.fetch_order(created["id"], SYMBOL)
    rows = order["info"]["transactions"]
    same("fills", sum(exact(row["sol"]) for row in rows), filled)
    assert fill["fee"] in [row["fee"] for row in rows], (fill, rows)
    after = await exchange.fetch_balance()
    moved = Decimal(str(after["SOL"]["total"])) - Decimal(str(before["SOL"]["total"]))
    same("SOL", moved, filled)

    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    price = book["bids"][0][0] * 0.97
    resting = await exchange.create_order(SYMBOL, "limit", "buy", 1, price)
    created_here = lambda row: row["id"] == resting["id"] and row["status"] == "open"
    await until(exchange, orders, exchange.watch_orders, created_here)
    orders = asyncio.ensure_future(exchange.watch_orders(SYMBOL))
    await exchange.cancel_order(resting["id"], SYMBOL)
    gone = lambda row: row["id"] == resting["id"] and row["info"]["event"] == "order_deleted"
    last = await until(exchange, orders, exchange.watch_orders, gone)
    same("traded", exact(last["amount_traded"]), Decimal(0))


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
