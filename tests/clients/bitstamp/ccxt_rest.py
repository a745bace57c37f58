"""ccxt over REST: markets, book, candles, balances, an IOC order, its status and fills."""

import sys
import uuid
from decimal import Decimal

import ccxt

from emulator import CA_FILE, exact, keys, place, same

SYMBOL = "SOL/USD"
TAKER = Decimal("0.004")


def client(scheme):
    """A client on the plain port or over TLS. On the plain one it signs `http://` too."""
    key = keys("bitstamp")
    exchange = ccxt.bitstamp({"apiKey": key["key"], "secret": key["secret"]})
    for api in ("public", "private"):
        exchange.urls["api"][api] = place("bitstamp")[scheme] + "/api"
    if scheme == "https":
        # It hands on `verify and validateServerSsl`, so the second one has to be the file.
        exchange.validateServerSsl = CA_FILE
    return exchange


def balances(exchange):
    """All and free by currency, exactly."""
    rows = exchange.fetch_balance()["info"]
    return {row["currency"]: (exact(row["total"]), exact(row["available"])) for row in rows}


def check_market(exchange):
    market = exchange.load_markets()[SYMBOL]
    same("price step", Decimal(str(market["precision"]["price"])), Decimal("0.01"))
    book = exchange.fetch_order_book(SYMBOL)
    bids, asks = book["bids"], book["asks"]
    assert len(bids) >= 20 and len(asks) >= 20, "a ladder on both sides"
    assert bids[0][0] < asks[0][0], "the book is not crossed"
    assert all(a[0] > b[0] for a, b in zip(bids, bids[1:])), "bids fall"
    assert all(a[0] < b[0] for a, b in zip(asks, asks[1:])), "asks rise"
    ticker = exchange.fetch_ticker(SYMBOL)
    assert ticker["bid"] < ticker["ask"], "the ticker is not crossed"
    assert exchange.fetch_trades(SYMBOL)[0]["price"] > 0
    assert exchange.fetch_ohlcv(SYMBOL, "1m", limit=10)[-1][5] > 0
    # The venue tells percent, and this client hands it on as it is.
    fees = exchange.fetch_trading_fee(SYMBOL)
    same("taker fee", Decimal(str(fees["taker"])), TAKER * 100)


def fresh_book(exchange):
    """The book past the edge, which keeps an answer for a second."""
    return exchange.fetch_order_book(SYMBOL, params={"_": str(uuid.uuid4())})


def check_ioc(exchange, side):
    """An IOC that fills: status, transactions and balances say the same, to the last digit."""
    before = balances(exchange)
    book = fresh_book(exchange)
    touch = book["asks"][0][0] if side == "buy" else book["bids"][0][0]
    price = touch * (1.01 if side == "buy" else 0.99)
    client_id = str(uuid.uuid4())
    params = {"ioc_order": "True", "clientOrderId": client_id}
    created = exchange.create_order(SYMBOL, "limit", side, 0.75, price, params)
    assert isinstance(created["info"]["id"], str), "the id is a text here"

    order = exchange.fetch_order(created["id"], SYMBOL)
    info = order["info"]
    same("client id", info["client_order_id"], client_id)
    filled = Decimal("0.75") - exact(info["amount_remaining"])
    assert filled > 0, "one percent through the touch fills something"
    same("status", order["status"], "closed" if filled == Decimal("0.75") else "canceled")
    by_client = exchange.fetch_order(None, SYMBOL, {"clientOrderId": client_id})
    same("by the client's id", by_client["id"], created["id"])

    rows = info["transactions"]
    same("sizes", sum(exact(row["sol"]) for row in rows), filled)
    value = sum(exact(row["usd"]) for row in rows)
    fees = sum(exact(row["fee"]) for row in rows)
    assert TAKER <= fees / value < TAKER + Decimal("0.000001"), f"{fees / value} is not 40 bps"
    fills = [fill for fill in exchange.fetch_my_trades(SYMBOL) if fill["order"] == created["id"]]
    same("number of fills", len(fills), len(rows))
    same("side", {fill["side"] for fill in fills}, {side})
    same("fees of the list", sum(exact(fill["info"]["fee"]) for fill in fills), fees)

    after = balances(exchange)
    sign = 1 if side == "buy" else -1
    same("SOL", after["sol"][0] - before["sol"][0], sign * filled)
    same("USD", after["usd"][0] - before["usd"][0], -sign * value - fees)
    same("held", after["usd"][0] - after["usd"][1], before["usd"][0] - before["usd"][1])


def check_resting(exchange):
    """A resting order reserves money, is listed, is cancelled, and gives the money back."""
    before = balances(exchange)
    bid = fresh_book(exchange)["bids"][0][0]
    params = {"moc_order": "True"}
    created = exchange.create_order(SYMBOL, "limit", "buy", 1, bid * 0.97, params)
    same("status", exchange.fetch_order(created["id"], SYMBOL)["status"], "open")
    held = before["usd"][1] - balances(exchange)["usd"][1]
    assert held >= exact(created["info"]["price"]), held
    exchange.cancel_order(created["id"], SYMBOL)
    same("after the cancel", exchange.fetch_order(created["id"], SYMBOL)["status"], "canceled")
    same("balances", balances(exchange), before)


def check_listed(exchange):
    """The list of open orders is kept for ten seconds: asked once."""
    bid = fresh_book(exchange)["bids"][0][0]
    created = exchange.create_order(SYMBOL, "limit", "buy", 1, bid * 0.97)
    listed = exchange.fetch_open_orders(SYMBOL)
    assert created["id"] in [row["id"] for row in listed], listed
    edited = exchange.edit_order(created["id"], SYMBOL, "limit", "buy", 2, bid * 0.96)
    same("replaced", exchange.fetch_order(created["id"], SYMBOL)["status"], "canceled")
    same("in its stead", exchange.fetch_order(edited["id"], SYMBOL)["status"], "open")
    exchange.cancel_all_orders(SYMBOL)
    same("cancelled", exchange.fetch_order(edited["id"], SYMBOL)["status"], "canceled")


def refused(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was due")


def check_refusals(exchange):
    bid = fresh_book(exchange)["bids"][0][0]

    def order(amount, price, **params):
        return lambda: exchange.create_order(SYMBOL, "limit", "sell", amount, price, params)

    refused(ccxt.InsufficientFunds, order(5_000, bid, ioc_order="True"))
    refused(ccxt.ExchangeError, order(0.01, bid, ioc_order="True"))
    refused(ccxt.ExchangeError, order(1, bid, ioc_order="True", fok_order="True"))
    refused(ccxt.ExchangeError, lambda: exchange.fetch_order("17", SYMBOL))
    secret, exchange.secret = exchange.secret, "wrong"
    refused(ccxt.AuthenticationError, exchange.fetch_balance)
    exchange.secret = secret
    uuid_of = exchange.uuid
    exchange.uuid = lambda: "8f4c2d1e-6a5b-4c3d-9e2f-" + exchange.apiKey.encode().hex()[:12]
    exchange.fetch_balance()
    refused(ccxt.InvalidNonce, exchange.fetch_balance)
    exchange.uuid = uuid_of


def main():
    for scheme in ("http", "https"):
        exchange = client(scheme)
        check_market(exchange)
        check_ioc(exchange, "buy")
        check_ioc(exchange, "sell")
        check_resting(exchange)
    check_listed(exchange)
    check_refusals(exchange)


if __name__ == "__main__":
    sys.exit(main())
