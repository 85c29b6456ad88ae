#!/usr/bin/env python3
"""What a baseline JPEG is made of: AC symbols and bits a block, and how many a look-up on twelve bits passes over.

    python bench/jpeg/symbols.py [--blocks N] FILE…

The figures of docs/jpeg.md. The table is that of `SkipTable` in crates/jpeg, made anew here. Slow, as Python is: 100,000 blocks take
some seconds. Files with restart intervals are refused.
"""

import argparse
import sys
from pathlib import Path

LOOK = 12


def codes(counts, symbols):
    """For each value of the next 16 bits: (length of the code, symbol); (0, 0) where there is none (T.81, C.2)."""
    table, code, place = [(0, 0)] * 65536, 0, 0
    for length in range(1, 17):
        for _ in range(counts[length - 1]):
            first, end = code << (16 - length), (code + 1) << (16 - length)
            table[first:end] = [(length, symbols[place])] * (end - first)
            code, place = code + 1, place + 1
        code <<= 1
    return table


def joined(table):
    """For each value of the next 12 bits: (bits, coefficients, symbols, whether the block ends)."""
    entries = []
    for window in range(1 << LOOK):
        bits = advance = symbols = 0
        end = False
        while bits < LOOK and not end:
            length, symbol = table[(window << bits & (1 << LOOK) - 1) << 16 - LOOK]
            run, size = symbol >> 4, symbol & 15
            end = length > 0 and size == 0 and run != 15
            if length == 0 or bits + length > LOOK or (not end and advance + run + 1 > 63):
                end = False
                break
            bits += length + size
            advance += 0 if end else run + 1
            symbols += 1
        entries.append((bits, advance, symbols, end))
    return entries


def headers(data):
    """(tables, for each block of an MCU the DC and the AC table's name, MCUs, the scan's bytes unstuffed)."""
    at, tables, components = 2, {}, []
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xC0:
            height, width = int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big")
            components = [(segment[6 + 3 * i], segment[7 + 3 * i] >> 4, segment[7 + 3 * i] & 15) for i in range(segment[5])]
        elif marker == 0xC4:
            while segment:
                counts = segment[1:17]
                tables[segment[0]] = codes(counts, segment[17:])
                segment = segment[17 + sum(counts) :]
        elif marker == 0xDD and any(segment):
            sys.exit("it has restart intervals")
        elif marker == 0xDA:
            break
    if not components or segment[0] != len(components):
        sys.exit("it is no baseline file in one scan")
    chosen = {segment[1 + 2 * i]: segment[2 + 2 * i] for i in range(segment[0])}
    order = [(chosen[name] >> 4, chosen[name] & 15 | 16) for name, across, down in components for _ in range(across * down)]
    across, down = (8 * max(component[which] for component in components) for which in (1, 2))
    return tables, order, -(-width // across) * -(-height // down), data[at:].replace(b"\xff\x00", b"\xff")


def count(data, most):
    tables, order, mcus, scan = headers(data)
    skips = {name: joined(table) for name, table in tables.items() if name & 16}
    held = good = position = 0
    blocks = symbols = ac_bits = dc_bits = lookups = undecided = 0
    for _ in range(mcus):
        for dc, ac in order:
            coefficient = 0
            while coefficient < 64:
                while good < 48:
                    held, good = held << 8 | (scan[position] if position < len(scan) else 0), good + 8
                    position += 1
                if coefficient == 0:
                    length, size = tables[dc][held >> (good - 16)]
                    used, coefficient = length + size, 1
                    dc_bits += used
                else:
                    lookups += 1
                    used, advance, passed, end = skips[ac][held >> (good - LOOK)]
                    if passed == 0 or coefficient + advance >= 64:
                        undecided, passed = undecided + 1, 1
                        length, symbol = tables[ac][held >> (good - 16)]
                        used, advance = length + (symbol & 15), (symbol >> 4) + 1
                        end = symbol & 15 == 0 and symbol >> 4 != 15
                    ac_bits, symbols = ac_bits + used, symbols + passed
                    coefficient = 64 if end else coefficient + advance
                good -= used
                held &= (1 << good) - 1
            blocks += 1
        if most and blocks >= most:
            break
    return {
        "AC symbols a block": symbols / blocks,
        "AC bits a block": ac_bits / blocks,
        "DC bits a block": dc_bits / blocks,
        "symbols a look-up": symbols / lookups,
        "look-ups a block": lookups / blocks,
        "undecided": undecided / lookups,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--blocks", type=int, default=0, help="the first so many (default: all)")
    args = parser.parse_args()
    for file in args.files:
        print(file.name + ": " + ", ".join(f"{name} {value:.3f}" for name, value in count(file.read_bytes(), args.blocks).items()))


if __name__ == "__main__":
    main()
