"""Where the emulators listen, and the keys of the account `clients` at each."""

import json
import os
import urllib.request
from contextlib import contextmanager
from decimal import Decimal

with open(os.environ["EMULATOR"], encoding="utf-8") as file:
    TOLD = json.load(file)
with open(TOLD["keys_file"], encoding="utf-8") as file:
    KEYS = json.load(file)

# Trusted already by everything that reads SSL_CERT_FILE or REQUESTS_CA_BUNDLE.
CA_FILE = TOLD["ca_file"]


def place(venue):
    """Addresses of a venue: http, ws, https, wss."""
    return next(place for place in TOLD["venues"] if place["venue"] == venue)


def keys(venue):
    """What opens the account `clients`."""
    return next(keys for keys in KEYS[venue] if keys["account"] == "clients")


def exact(value):
    """A decimal from the venue's text. A float would have lost digits: it is refused."""
    assert isinstance(value, str), f"{value!r} is no text"
    return Decimal(value)


def same(what, found, expected):
    """Both are the same, or the script fails and says what."""
    assert found == expected, f"{what}: {found!r} instead of {expected!r}"


def control(path, method="GET"):
    """A call of the control endpoint."""
    request = urllib.request.Request(TOLD["control"] + path, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@contextmanager
def standing_still():
    """Prices do not move; sockets and orders go on."""
    control("/freeze", "POST")
    try:
        yield
    finally:
        control("/thaw", "POST")


def truth(venue, product):
    """Bids and asks of a product as they are, best first: rows of price and size."""
    book = control("/truth")["exchanges"][venue][product]
    one = Decimal(10**8)
    return [[(Decimal(at) / one, Decimal(size) / one) for at, size in book[side]]
            for side in ("bids", "asks")]
