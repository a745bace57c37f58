"""ccxt.pro over WebSocket: book, best prices, trades, candles, and the account's orders."""

import asyncio
import sys
from decimal import Decimal

import ccxt.pro

from emulator import exact, keys, place, same, standing_still, truth

SYMBOL = "SOL/USD"

# How long anything may take to arrive. Unit: seconds.
PATIENCE_S = 60


def client():
    key = keys("gemini")
    exchange = ccxt.pro.gemini({"apiKey": key["key"], "secret": key["secret"]})
    for api in ("public", "private"):
        exchange.urls["api"][api] = place("gemini")["http"]
    exchange.urls["api"]["ws"] = place("gemini")["ws"]
    exchange.options["fetchMarketsFromAPI"]["fetchDetailsForAllSymbols"] = True
    exchange.options["fetchCurrencies"]["webApiEnable"] = False
    return exchange


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def check_book(exchange):
    """The book is not crossed after any message, and in the end it is the truth, whole."""
    for symbol in (SYMBOL, "BTC/USD"):
        for _ in range(20):
            book = await soon(exchange.watch_order_book(symbol))
            assert book["bids"] and book["asks"], "both sides"
            assert book["bids"][0][0] < book["asks"][0][0], "the book is not crossed"
    with standing_still():
        told = truth("gemini", "SOL-USD")
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


async def check_market(exchange):
    trades = await soon(exchange.watch_trades(SYMBOL))
    assert trades and trades[0]["price"] > 0
    best = await soon(exchange.watch_bids_asks([SYMBOL, "BTC/USD"]))
    assert all(row["bid"] < row["ask"] for row in best.values()), best
    candles = await soon(exchange.watch_ohlcv(SYMBOL, "1m"))
    assert candles[-1][2] >= candles[-1][3]


async def connected(exchange, path):
    """Until a connection to a path is up: this client is not told that it is."""
    while True:
        for url, connection in exchange.clients.items():
            if path in url and connection.connected.done():
                return
        await asyncio.sleep(0.05)


async def keep(watch):
    """Watches for ever: what is told is in the client's caches."""
    while True:
        await watch()


async def order_that(exchange, order_id, wanted):
    """The state of an order once it is as wanted; states in between may have been overwritten."""
    for _ in range(PATIENCE_S * 20):
        for order in exchange.orders or []:
            if order["id"] == order_id and wanted(order):
                return order["info"]
        await asyncio.sleep(0.05)
    raise AssertionError(f"{order_id} never was as wanted: {exchange.orders}")


async def check_orders(exchange):
    watching = asyncio.ensure_future(keep(exchange.watch_orders))
    await soon(connected(exchange, "/v1/order/events"))
    before = (await exchange.fetch_balance())["SOL"]["total"]
    book = await exchange.fetch_order_book(SYMBOL)
    created = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.25, book["asks"][0][0] * 1.01, {"timeInForce": "IOC"}
    )
    order = await exchange.fetch_order(created["id"])
    filled = exact(order["info"]["executed_amount"])
    assert filled > 0
    told = await order_that(exchange, created["id"], lambda row: row["status"] == order["status"])
    same("told", exact(told["executed_amount"]), filled)
    same("reply", exact(created["info"]["executed_amount"]), filled)
    same("behaviour", told["behavior"], "immediate-or-cancel")
    fills = await exchange.fetch_my_trades(SYMBOL)
    sizes = [exact(fill["info"]["amount"]) for fill in fills if fill["order"] == created["id"]]
    same("fills", sum(sizes), filled)
    after = (await exchange.fetch_balance())["SOL"]["total"]
    same("SOL", Decimal(str(after)) - Decimal(str(before)), filled)

    price = book["bids"][0][0] * 0.97
    resting = await exchange.create_order(SYMBOL, "limit", "buy", 1, price, {"postOnly": True})
    await order_that(exchange, resting["id"], lambda row: row["info"]["type"] == "booked")
    await exchange.cancel_order(resting["id"])
    last = await order_that(exchange, resting["id"], lambda row: row["status"] == "canceled")
    same("reason", last["reason"], "Requested")
    watching.cancel()


async def main():
    exchange = client()
    try:
        await exchange.load_markets()
        await check_book(exchange)
        await check_market(exchange)
        await check_orders(exchange)
    finally:
        await exchange.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
