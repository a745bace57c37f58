"""ccxt over REST: markets, book, balances, an IOC order, its status and fills."""

import sys
import uuid
from decimal import Decimal

import ccxt

from emulator import exact, keys, place, same

SYMBOL = "SOL/USD"

# The public book may be a second old; the one for key holders is not.
NOW = {"usePrivate": True}

# An IOC may find that the market has moved on: so many are sent until one fills.
TRIES = 10


def client(kind, scheme):
    """A client with a key of a kind, on the plain port or over TLS."""
    key = keys("coinbase")[kind]
    # Without the last setting it takes the authority of the environment for nothing.
    settings = {"apiKey": key["name"], "secret": key["secret"], "requests_trust_env": True}
    exchange = ccxt.coinbase(settings)
    exchange.urls["api"]["rest"] = place("coinbase")[scheme]
    if kind == "ed25519":
        # ccxt takes every name with `organizations/` for one of a P-256 key, unless told.
        exchange.options["v2CloudAPiKey"] = True
    return exchange


def balances(exchange):
    """Free and held by currency, exactly."""
    answer = exchange.fetch_balance({"v3": True})
    rows = answer["info"]["accounts"]
    return {
        row["currency"]: (
            exact(row["available_balance"]["value"]),
            exact(row["hold"]["value"]),
        )
        for row in rows
    }


def check_market(exchange):
    markets = exchange.load_markets()
    market = markets[SYMBOL]
    same("spot", market["spot"], True)
    same("taker fee", Decimal(str(market["taker"])), Decimal("0.009"))
    assert "SOL/USDC" in markets, "the alias is listed"
    same("price step", Decimal(str(market["precision"]["price"])), Decimal("0.01"))
    book = exchange.fetch_order_book(SYMBOL)
    bids, asks = book["bids"], book["asks"]
    assert len(bids) >= 10 and len(asks) >= 10, "a ladder on both sides"
    assert bids[0][0] < asks[0][0], "the book is not crossed"
    assert all(a[0] > b[0] for a, b in zip(bids, bids[1:])), "bids fall"
    assert all(a[0] < b[0] for a, b in zip(asks, asks[1:])), "asks rise"
    ticker = exchange.fetch_ticker(SYMBOL)
    assert ticker["bid"] < ticker["ask"], "the ticker is not crossed"
    trades = exchange.fetch_trades(SYMBOL, limit=10)
    assert trades and all(trade["price"] > 0 for trade in trades)
    assert abs(exchange.fetch_time() - exchange.milliseconds()) < 60_000, "the clock is the wall's"


def check_ioc(exchange, side):
    """An IOC that fills: status, fills and balances say the same, to the last digit."""
    assert any(ioc_fills(exchange, side) for _ in range(TRIES)), "no IOC finds anything"


def ioc_fills(exchange, side):
    """Sends an IOC and checks what is told of it; whether it filled anything."""
    before = balances(exchange)
    book = exchange.fetch_order_book(SYMBOL, 5, NOW)
    touch = book["asks"][0][0] if side == "buy" else book["bids"][0][0]
    price = touch * (1.01 if side == "buy" else 0.99)
    client_id = str(uuid.uuid4())
    params = {"timeInForce": "IOC", "client_order_id": client_id}
    created = exchange.create_order(SYMBOL, "limit", side, 0.75, price, params)
    again = exchange.create_order(SYMBOL, "limit", side, 0.5, price, params)
    same("the order of a client id used twice", again["id"], created["id"])

    order = exchange.fetch_order(created["id"], SYMBOL)
    same("client id", order["clientOrderId"], client_id)
    same("lifetime", order["timeInForce"], "IOC")
    same("side", order["side"], side)
    assert order["status"] in ("closed", "canceled"), order["status"]
    info = order["info"]
    filled, value = exact(info["filled_size"]), exact(info["filled_value"])
    fees = exact(info["total_fees"])
    same("status", order["status"], "closed" if filled == Decimal("0.75") else "canceled")

    fills = exchange.fetch_my_trades(SYMBOL, params={"order_ids": [created["id"]]})
    rows = [fill["info"] for fill in fills]
    same("number of fills", len(rows), int(info["number_of_fills"]))
    same("sizes", sum(exact(row["size"]) for row in rows), filled)
    same("fees", sum(exact(row["commission"]) for row in rows), fees)
    assert all(fill["takerOrMaker"] == "taker" for fill in fills)
    summed = sum(exact(row["size"]) * exact(row["price"]) for row in rows)
    assert abs(summed - value) <= Decimal("0.00000001") * len(rows), (summed, value)
    due = value * Decimal("0.009")
    assert due <= fees <= due + Decimal("0.00000001") * len(rows), f"{fees} of {value}"

    after = balances(exchange)
    sign = 1 if side == "buy" else -1
    same("SOL", after["SOL"][0] - before["SOL"][0], sign * filled)
    same("USD", after["USD"][0] - before["USD"][0], -sign * value - fees)
    same("held", (after["SOL"][1], after["USD"][1]), (before["SOL"][1], before["USD"][1]))
    older = exchange.fetch_balance()
    same("the older call", Decimal(str(older["SOL"]["total"])), after["SOL"][0])
    ids = [closed["id"] for closed in exchange.fetch_closed_orders(SYMBOL)]
    assert order["status"] != "closed" or created["id"] in ids
    return filled > 0


def check_resting(exchange):
    """A resting order reserves money, is listed, is cancelled, and gives the money back."""
    before = balances(exchange)
    bid = exchange.fetch_order_book(SYMBOL, 5, NOW)["bids"][0][0]
    created = exchange.create_order(SYMBOL, "limit", "buy", 1, bid * 0.97, {"postOnly": True})
    order = exchange.fetch_order(created["id"])
    same("status", order["status"], "open")
    held = exact(order["info"]["outstanding_hold_amount"])
    same("held", balances(exchange)["USD"], (before["USD"][0] - held, before["USD"][1] + held))
    assert created["id"] in [row["id"] for row in exchange.fetch_open_orders(SYMBOL)]
    exchange.cancel_order(created["id"], SYMBOL)
    same("after the cancel", exchange.fetch_order(created["id"])["status"], "canceled")
    same("balances", balances(exchange), before)


def refused(kind, call):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was due")


def check_refusals(exchange):
    book = exchange.fetch_order_book(SYMBOL, 5, NOW)
    bid = book["bids"][0][0]
    ioc = {"timeInForce": "IOC"}
    refused(
        ccxt.InsufficientFunds,
        lambda: exchange.create_order(SYMBOL, "limit", "sell", 5_000, bid, ioc),
    )
    through = {"postOnly": True}
    price = book["asks"][0][0] * 1.01
    refused(
        ccxt.ExchangeError,
        lambda: exchange.create_order(SYMBOL, "limit", "buy", 1, price, through),
    )
    refused(ccxt.ExchangeError, lambda: exchange.fetch_order(str(uuid.uuid4())))


def check_wrong_key():
    exchange = client("es256", "http")
    exchange.apiKey = exchange.apiKey[:-1] + ("0" if exchange.apiKey[-1] != "0" else "1")
    refused(ccxt.AuthenticationError, lambda: exchange.fetch_balance({"v3": True}))


def main():
    for kind, scheme in [("es256", "http"), ("ed25519", "https"), ("es256", "https")]:
        exchange = client(kind, scheme)
        check_market(exchange)
        check_ioc(exchange, "buy")
        check_ioc(exchange, "sell")
        check_resting(exchange)
    check_refusals(exchange)
    check_wrong_key()


if __name__ == "__main__":
    sys.exit(main())
