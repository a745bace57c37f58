"""ccxt over REST: markets, book, candles, balances, an IOC order, its status and fills."""

import sys
import uuid
from decimal import Decimal

import ccxt

from emulator import CA_FILE, exact, keys, place, same

SYMBOL = "SOL/USD"
TAKER = Decimal("0.004")


def client(scheme):
    """A client on the plain port or over TLS."""
    key = keys("gemini")
    exchange = ccxt.gemini({"apiKey": key["key"], "secret": key["secret"]})
    for api in ("public", "private"):
        exchange.urls["api"][api] = place("gemini")[scheme]
    # Markets come from the venue, symbol by symbol, and not from the website.
    exchange.options["fetchMarketsFromAPI"]["fetchDetailsForAllSymbols"] = True
    exchange.options["fetchCurrencies"]["webApiEnable"] = False
    if scheme == "https":
        # It hands on `verify and validateServerSsl`, so the second one has to be the file.
        exchange.validateServerSsl = CA_FILE
    return exchange


def balances(exchange):
    """All and free by currency, exactly."""
    rows = exchange.fetch_balance()["info"]
    return {row["currency"]: (exact(row["amount"]), exact(row["available"])) for row in rows}


def check_market(exchange):
    markets = exchange.load_markets()
    assert len(markets) >= 2, "some clients fail with a single market"
    market = markets[SYMBOL]
    same("spot", market["spot"], True)
    # `quote_increment` is the step of prices and `tick_size` that of sizes.
    same("price step", Decimal(str(market["precision"]["price"])), Decimal("0.001"))
    same("size step", Decimal(str(market["precision"]["amount"])), Decimal("0.000001"))
    book = exchange.fetch_order_book(SYMBOL, 20)
    bids, asks = book["bids"], book["asks"]
    same("depth", (len(bids), len(asks)), (20, 20))
    assert bids[0][0] < asks[0][0], "the book is not crossed"
    assert all(a[0] > b[0] for a, b in zip(bids, bids[1:])), "bids fall"
    assert all(a[0] < b[0] for a, b in zip(asks, asks[1:])), "asks rise"
    ticker = exchange.fetch_ticker(SYMBOL)
    assert ticker["bid"] < ticker["ask"], "the ticker is not crossed"
    trades = exchange.fetch_trades(SYMBOL, limit=10)
    assert trades and all(trade["price"] > 0 for trade in trades)
    assert exchange.fetch_ohlcv(SYMBOL, "1m")[-1][5] > 0
    fees = exchange.fetch_trading_fees()[SYMBOL]
    same("taker fee", Decimal(str(fees["taker"])), TAKER)


def check_ioc(exchange, side):
    """An IOC that fills: reply, status, fills and balances say the same, to the last digit."""
    before = balances(exchange)
    book = exchange.fetch_order_book(SYMBOL)
    touch = book["asks"][0][0] if side == "buy" else book["bids"][0][0]
    price = touch * (1.01 if side == "buy" else 0.99)
    client_id = str(uuid.uuid4())
    params = {"timeInForce": "IOC", "clientOrderId": client_id}
    created = exchange.create_order(SYMBOL, "limit", side, 0.75, price, params)
    same("client id", created["clientOrderId"], client_id)

    order = exchange.fetch_order(created["id"], SYMBOL, {"include_trades": True})
    info = order["info"]
    same("reply and status", created["info"]["executed_amount"], info["executed_amount"])
    same("lifetime", order["timeInForce"], "IOC")
    filled = exact(info["executed_amount"])
    assert filled > 0, "one percent through the touch fills something"
    same("rest", exact(info["remaining_amount"]), Decimal("0.75") - filled)
    same("status", order["status"], "closed" if filled == Decimal("0.75") else "canceled")
    same("live", info["is_live"], False)

    fills = [fill for fill in exchange.fetch_my_trades(SYMBOL) if fill["order"] == created["id"]]
    rows = [fill["info"] for fill in fills]
    ids = [sorted(row["tid"] for row in list) for list in (info["trades"], rows)]
    same("fills of status and list", *ids)
    same("sizes", sum(exact(row["amount"]) for row in rows), filled)
    assert all(row["aggressor"] for row in rows)
    fees = sum(exact(row["fee_amount"]) for row in rows)
    value = sum(exact(row["amount"]) * exact(row["price"]) for row in rows)
    assert TAKER <= fees / value < TAKER + Decimal("0.000001"), f"{fees / value} is not 40 bps"

    after = balances(exchange)
    sign = 1 if side == "buy" else -1
    same("SOL", after["SOL"][0] - before["SOL"][0], sign * filled)
    moved = after["USD"][0] - before["USD"][0]
    # Values are settled in whole 10⁻⁸, against the client.
    slack = -sign * value - fees - moved
    assert 0 <= slack <= Decimal("0.00000001") * len(rows), f"USD moved by {moved}"
    same("held", after["USD"][0] - after["USD"][1], before["USD"][0] - before["USD"][1])


def check_resting(exchange):
    """A resting order reserves money, is listed, is cancelled, and gives the money back."""
    before = balances(exchange)
    bid = exchange.fetch_order_book(SYMBOL)["bids"][0][0]
    created = exchange.create_order(SYMBOL, "limit", "buy", 1, bid * 0.97, {"postOnly": True})
    same("status", exchange.fetch_order(created["id"])["status"], "open")
    held = before["USD"][1] - balances(exchange)["USD"][1]
    assert held >= exact(created["info"]["price"]), held
    assert created["id"] in [row["id"] for row in exchange.fetch_open_orders(SYMBOL)]
    same("cancelled", exchange.cancel_order(created["id"])["status"], "canceled")
    same("after the cancel", exchange.fetch_order(created["id"])["status"], "canceled")
    same("balances", balances(exchange), before)


def refused(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was due")


def check_refusals(exchange):
    book = exchange.fetch_order_book(SYMBOL)
    bid = book["bids"][0][0]
    ioc = {"timeInForce": "IOC"}

    def order(side, amount, price, params):
        return lambda: exchange.create_order(SYMBOL, "limit", side, amount, price, params)

    refused(ccxt.InsufficientFunds, order("sell", 5_000, bid, ioc))
    refused(ccxt.InvalidOrder, order("buy", 0.0001, bid, ioc))
    refused(ccxt.OrderNotFound, lambda: exchange.fetch_order("17"))
    through = exchange.create_order(
        SYMBOL, "limit", "buy", 1, book["asks"][0][0] * 1.01, {"postOnly": True}
    )
    same("reason", through["info"]["reason"], "MakerOrCancelWouldTake")
    secret, exchange.secret = exchange.secret, "wrong"
    refused(ccxt.AuthenticationError, exchange.fetch_balance)
    exchange.secret = secret
    nonce = exchange.incrementing_nonce
    exchange.incrementing_nonce = lambda: 1
    refused(ccxt.InvalidNonce, exchange.fetch_balance)
    exchange.incrementing_nonce = nonce


def main():
    for scheme in ("http", "https"):
        exchange = client(scheme)
        check_market(exchange)
        check_ioc(exchange, "buy")
        check_ioc(exchange, "sell")
        check_resting(exchange)
        check_refusals(exchange)


if __name__ == "__main__":
    sys.exit(main())
