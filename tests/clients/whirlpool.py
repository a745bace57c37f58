"""The SOL/USDC pool as its program's documentation has it: account, addresses, `swap_v2`."""

import base64
import struct

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

PROGRAM = Pubkey.from_string("whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc")
TOKEN = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
WSOL = Pubkey.from_string("So11111111111111111111111111111111111111112")
USDC = Pubkey.from_string("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
POOL = Pubkey.from_string("HJPjoWUrhoZzkNfRpHuieeFk9WcZWjwy6PBjZ81ngndJ")

TICKS_PER_ARRAY = 88


class Pool:
    """What a swap needs of a pool's account."""

    def __init__(self, data):
        assert len(data) == 653, f"{len(data)} bytes"
        assert data[:8] == bytes.fromhex("3f95d10ce1806309"), "another kind of account"
        (self.spacing,) = struct.unpack_from("<H", data, 41)
        (self.fee_ppm,) = struct.unpack_from("<H", data, 45)
        self.liquidity = int.from_bytes(data[49:65], "little")
        self.sqrt_price = int.from_bytes(data[65:81], "little")
        (self.tick,) = struct.unpack_from("<i", data, 81)
        self.mint_a, self.vault_a = Pubkey(data[101:133]), Pubkey(data[133:165])
        self.mint_b, self.vault_b = Pubkey(data[181:213]), Pubkey(data[213:245])

    def array(self, arrays_away):
        """Address of the tick array so many arrays above the one of the current tick."""
        span = TICKS_PER_ARRAY * self.spacing
        start = (self.tick // span + arrays_away) * span
        seeds = [b"tick_array", bytes(POOL), str(start).encode()]
        return Pubkey.find_program_address(seeds, PROGRAM)[0]


def oracle():
    return Pubkey.find_program_address([b"oracle", bytes(POOL)], PROGRAM)[0]


def sell(pool, owner, amount, least):
    """`swap_v2`: exactly so much of token A for at least so much of token B."""
    data = bytes.fromhex("2b04ed0b1ac91e62") + struct.pack("<QQ", amount, least)
    data += bytes(16) + bytes([1, 1, 0])
    read = lambda key: AccountMeta(key, False, False)
    write = lambda key: AccountMeta(key, False, True)
    accounts = [
        read(TOKEN),
        read(TOKEN),
        read(MEMO),
        AccountMeta(owner, True, False),
        write(POOL),
        read(pool.mint_a),
        read(pool.mint_b),
        write(get_associated_token_address(owner, pool.mint_a)),
        write(pool.vault_a),
        write(get_associated_token_address(owner, pool.mint_b)),
        write(pool.vault_b),
        write(pool.array(0)),
        write(pool.array(-1)),
        write(pool.array(-2)),
        write(oracle()),
    ]
    return Instruction(PROGRAM, data, accounts)


def traded(logs):
    """The event of a swap, from the log: prices before and after, what went in and out."""
    for line in logs:
        if not line.startswith("Program data: "):
            continue
        data = base64.b64decode(line.removeprefix("Program data: "))
        if data[:8] == bytes.fromhex("e1ca49af932ba096"):
            before = int.from_bytes(data[41:57], "little")
            after = int.from_bytes(data[57:73], "little")
            amount_in, amount_out = struct.unpack_from("<QQ", data, 73)
            return before, after, amount_in, amount_out
    raise AssertionError("no swap in the log")
