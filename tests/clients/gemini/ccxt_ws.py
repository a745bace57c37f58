"""ccxt.pro over WebSocket: book, best prices, trades, candles, and the account's orders."""

import asyncio
import sys
from decimal import Decimal

import ccxt.pro

from emulator import exact, keys, place, same

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
    """The book is not crossed after any message, and it is the one that REST tells."""
    for symbol in (SYMBOL, "BTC/USD"):
        for _ in range(20):
            book = await soon(exchange.watch_order_book(symbol))
            assert book["bids"] and book["asks"], "both sides"
            assert book["bids"][0][0] < book["asks"][0][0], "the book is not crossed"
    # Both move on between two looks: of some tries one must fall between two changes.
    for _ in range(50):
        book = await soon(exchange.watch_order_book(SYMBOL))
        mine = [book["bids"][:5], book["asks"][:5]]
        told = await exchange.fetch_order_book(SYMBOL, 5)
        if mine == [told["bids"], told["asks"]]:
            return
    raise AssertionError("the book never was the one that REST tells")


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


async def orders_until(exchange, watch, order_id, status):
    """Waits for an order to reach a status; what was told of it, state by state."""
    seen = []
    while True:
        for order in await soon(watch):
            if order["id"] == order_id:
                seen.append(order["info"])
                if order["status"] == status:
                    return seen
        watch = asyncio.ensure_future(exchange.watch_orders())


async def check_orders(exchange):
    watch = asyncio.ensure_future(exchange.watch_orders())
    await soon(connected(exchange, "/v1/order/events"))
    before = (await exchange.fetch_balance())["SOL"]["total"]
    book = await exchange.fetch_order_book(SYMBOL)
    created = await exchange.create_order(
        SYMBOL, "limit", "buy", 0.25, book["asks"][0][0] * 1.01, {"timeInForce": "IOC"}
    )
    status = (await exchange.fetch_order(created["id"]))["status"]
    told = (await orders_until(exchange, watch, created["id"], status))[-1]
    filled = exact(told["executed_amount"])
    assert filled > 0
    same("reply", exact(created["info"]["executed_amount"]), filled)
    same("behaviour", told["behavior"], "immediate-or-cancel")
    fills = await exchange.fetch_my_trades(SYMBOL)
    sizes = [exact(fill["info"]["amount"]) for fill in fills if fill["order"] == created["id"]]
    same("fills", sum(sizes), filled)
    after = (await exchange.fetch_balance())["SOL"]["total"]
    same("SOL", Decimal(str(after)) - Decimal(str(before)), filled)

    watch = asyncio.ensure_future(exchange.watch_orders())
    price = book["bids"][0][0] * 0.97
    resting = await exchange.create_order(SYMBOL, "limit", "buy", 1, price, {"postOnly": True})
    await orders_until(exchange, watch, resting["id"], "open")
    watch = asyncio.ensure_future(exchange.watch_orders())
    await exchange.cancel_order(resting["id"])
    last = (await orders_until(exchange, watch, resting["id"], "canceled"))[-1]
    same("reason", last["reason"], "Requested")


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
