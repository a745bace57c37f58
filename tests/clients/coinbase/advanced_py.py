"""coinbase-advanced-py: REST over TLS with the test authority, and the `user` channel."""

import json
import sys
import threading
import uuid
from decimal import Decimal

from coinbase.rest import RESTClient
from coinbase.websocket import WSClient, WSUserClient
from requests.exceptions import HTTPError

from emulator import exact, keys, place, same

PRODUCT = "SOL-USD"

# An IOC may find that the market has moved on: so many are sent until one fills.
TRIES = 10

# How long anything may take to arrive. Unit: seconds.
PATIENCE_S = 60


def host():
    """The TLS port: this client always speaks https."""
    return place("coinbase")["https"].removeprefix("https://")


def client(kind):
    key = keys("coinbase")[kind]
    return RESTClient(api_key=key["name"], api_secret=key["secret"], base_url=host())


class Heard:
    """Frames that a connection was sent, and a way to wait for one."""

    def __init__(self):
        self.frames = []
        self.changed = threading.Condition()

    def take(self, text):
        with self.changed:
            self.frames.append(json.loads(text))
            self.changed.notify_all()

    def until(self, what, wanted):
        """The first frame, old or new, that is wanted."""

        def found():
            return next((frame for frame in self.frames if wanted(frame)), None)

        with self.changed:
            assert self.changed.wait_for(lambda: found() is not None, PATIENCE_S), f"no {what}"
            return found()


def balances(rest):
    rows = rest.get_accounts(limit=250).accounts
    return {
        row["currency"]: (
            exact(row["available_balance"]["value"]),
            exact(row["hold"]["value"]),
        )
        for row in rows
    }


def touch(rest):
    book = rest.get_product_book(PRODUCT, limit=5).pricebook
    bid, ask = exact(book.bids[0].price), exact(book.asks[0].price)
    assert bid < ask, "the book is not crossed"
    return bid, ask


def check_market(rest):
    product = rest.get_product(PRODUCT)
    same("step", exact(product.price_increment), Decimal("0.01"))
    names = [row.product_id for row in rest.get_products().products]
    assert PRODUCT in names and "SOL-USDC" in names, names
    best = rest.get_best_bid_ask(product_ids=[PRODUCT]).pricebooks[0]
    assert exact(best.bids[0].price) < exact(best.asks[0].price)
    assert rest.get_market_trades(PRODUCT, limit=5).trades
    tier = rest.get_transaction_summary().fee_tier
    same("taker", exact(tier["taker_fee_rate"]), Decimal("0.009"))
    same("leave to trade", rest.get_api_key_permissions().can_trade, True)
    public = RESTClient(base_url=host())
    assert int(public.get_unix_time().epoch_millis) > 0
    same("public", public.get_public_product(PRODUCT).product_id, PRODUCT)


def check_ioc(rest, user):
    """An IOC: the answer, the history, the fills, the `user` channel and the balances agree."""
    assert any(ioc_fills(rest, user) for _ in range(TRIES)), "no IOC finds anything"


def ioc_fills(rest, user):
    """Sends an IOC and checks what is told of it; whether it filled anything."""
    before = balances(rest)
    _, ask = touch(rest)
    client_id = str(uuid.uuid4())
    limit = str((ask * Decimal("1.01")).quantize(Decimal("0.01")))
    answer = rest.limit_order_ioc_buy(client_id, PRODUCT, base_size="0.6", limit_price=limit)
    assert answer.success, answer.to_dict()
    order_id = answer.success_response["order_id"]
    order = rest.get_order(order_id).order
    same("client id", order.client_order_id, client_id)
    filled, value = exact(order.filled_size), exact(order.filled_value)
    fees = exact(order.total_fees)
    same("status", order.status, "FILLED" if filled == Decimal("0.6") else "CANCELLED")
    fills = rest.get_fills(order_ids=[order_id]).fills
    same("sizes", sum(exact(fill.size) for fill in fills), filled)
    same("fees", sum(exact(fill.commission) for fill in fills), fees)

    def is_last(frame):
        rows = [row for event in frame.get("events", []) for row in event.get("orders", [])]
        return any(row["order_id"] == order_id and row["status"] == order.status for row in rows)

    frame = user.until("last state of the order", is_last)
    row = next(row for row in frame["events"][0]["orders"] if row["order_id"] == order_id)
    same("told size", exact(row["cumulative_quantity"]), filled)
    same("told value", exact(row["filled_value"]), value)
    same("told fees", exact(row["total_fees"]), fees)
    after = balances(rest)
    same("SOL", after["SOL"][0] - before["SOL"][0], filled)
    same("USD", before["USD"][0] - after["USD"][0], value + fees)
    return filled > 0


def check_resting(rest, user):
    bid, _ = touch(rest)
    limit = str((bid * Decimal("0.97")).quantize(Decimal("0.01")))
    answer = rest.limit_order_gtc_sell(
        str(uuid.uuid4()), PRODUCT, base_size="0.5", limit_price=str(bid * 2 // 1), post_only=True
    )
    assert not answer.success, "twice the price is too far from the market"
    assert answer.error_response["preview_failure_reason"].startswith("PREVIEW_"), answer.to_dict()
    answer = rest.limit_order_gtc_buy(
        str(uuid.uuid4()), PRODUCT, base_size="0.5", limit_price=limit, post_only=True
    )
    order_id = answer.success_response["order_id"]
    listed = rest.list_orders(order_status=["OPEN"], product_ids=[PRODUCT]).orders
    assert order_id in [order.order_id for order in listed]
    edited = rest.edit_order(order_id, size="0.4", price=limit)
    assert edited.success, edited.to_dict()
    same("size after the edit", open_size(rest, order_id), Decimal("0.4"))
    results = rest.cancel_orders([order_id, str(uuid.uuid4())]).results
    same("cancels", [row["success"] for row in results], [True, False])
    same("status", rest.get_order(order_id).order.status, "CANCELLED")

    def is_cancel(frame):
        rows = [row for event in frame.get("events", []) for row in event.get("orders", [])]
        return any(row["order_id"] == order_id and row["status"] == "CANCELLED" for row in rows)

    user.until("cancel", is_cancel)


def open_size(rest, order_id):
    configuration = rest.get_order(order_id).order.order_configuration
    inner = configuration["limit_limit_gtc"]
    return exact(inner["base_size"] if isinstance(inner, dict) else inner.base_size)


def check_preview_and_market(rest):
    preview = rest.preview_market_order_buy(PRODUCT, quote_size="50")
    same("errors", preview.errs, [])
    before = balances(rest)
    answer = rest.market_order_buy(str(uuid.uuid4()), PRODUCT, quote_size="50")
    assert answer.success, answer.to_dict()
    order = rest.get_order(answer.success_response["order_id"]).order
    spent = before["USD"][0] - balances(rest)["USD"][0]
    same("spent", spent, exact(order.total_value_after_fees))
    assert Decimal("49.99") < spent <= Decimal("50"), f"{spent} of 50 spent"


def check_feed(kind):
    """Channels of the market: numbers run on over all of them."""
    heard = Heard()
    key = keys("coinbase")[kind]
    feed = WSClient(
        api_key=key["name"],
        api_secret=key["secret"],
        base_url=place("coinbase")["wss"],
        on_message=heard.take,
    )
    feed.open()
    feed.heartbeats()
    feed.level2(product_ids=[PRODUCT, "SOL-USDC"])
    feed.market_trades(product_ids=[PRODUCT])
    feed.ticker(product_ids=[PRODUCT])
    feed.candles(product_ids=[PRODUCT])
    feed.status(product_ids=[PRODUCT])
    for channel in ("heartbeats", "l2_data", "market_trades", "ticker", "candles", "status"):
        heard.until(channel, lambda frame, channel=channel: frame.get("channel") == channel)
    heard.until(
        "update",
        lambda frame: frame.get("channel") == "l2_data" and frame["events"][0]["type"] == "update",
    )
    feed.unsubscribe_all()
    feed.close()
    numbers = [frame["sequence_num"] for frame in heard.frames]
    same("numbers", numbers, list(range(len(numbers))))
    ids = {
        event["product_id"]
        for frame in heard.frames
        if frame["channel"] == "l2_data"
        for event in frame["events"]
    }
    same("books", ids, {PRODUCT})


def main():
    for kind in ("es256", "ed25519"):
        rest = client(kind)
        check_market(rest)
        heard = Heard()
        key = keys("coinbase")[kind]
        user = WSUserClient(
            api_key=key["name"],
            api_secret=key["secret"],
            base_url=place("coinbase")["wss"],
            on_message=heard.take,
        )
        user.open()
        user.subscribe(product_ids=[PRODUCT], channels=["heartbeats", "user"])
        heard.until("acknowledgement", lambda frame: "user" in str(frame["events"]))
        check_ioc(rest, heard)
        check_resting(rest, heard)
        user.close()
        check_preview_and_market(rest)
        check_feed(kind)
    stranger = RESTClient(
        api_key=key["name"], api_secret=keys("coinbase")["es256"]["secret"], base_url=host()
    )
    try:
        stranger.get_accounts()
    except HTTPError as error:
        same("status", error.response.status_code, 401)
        same("body", error.response.text, "Unauthorized")
    else:
        raise AssertionError("a foreign key opens nothing")


if __name__ == "__main__":
    sys.exit(main())
