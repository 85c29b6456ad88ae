"""Minimal ICC matrix/TRC display profiles, built from primaries.

A matrix profile is a header, three colorants (the primaries' XYZ adapted to D50 by Bradford), a
white point and one tone curve shared by the three channels. Layout follows ICC.1:2001-04 (version
2.1: `desc`, `curv`) and ICC.1:2010 (version 4.3: `mluc`, `para`, `chad`).
"""

import struct

D50 = (0.96420, 1.0, 0.82491)
D65_XY = (0.3127, 0.3290)
BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def _mul(a, b):
    return tuple(tuple(sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)) for i in range(3))


def _apply(m, v):
    return tuple(sum(m[i][k] * v[k] for k in range(3)) for i in range(3))


def _invert(m):
    (a, b, c), (d, e, f), (g, h, i) = m
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        ((e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det),
        ((f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det),
        ((d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det),
    )


def _xyz(xy):
    x, y = xy
    return (x / y, 1.0, (1.0 - x - y) / y)


def _adaptation(white):
    """The Bradford matrix that takes `white` to D50."""
    source, target = _apply(BRADFORD, white), _apply(BRADFORD, D50)
    scale = tuple(tuple(target[i] / source[i] if i == j else 0.0 for j in range(3)) for i in range(3))
    return _mul(_invert(BRADFORD), _mul(scale, BRADFORD))


def _s15(*values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def _text_v2(kind, text):
    raw = text.encode("ascii") + b"\0"
    if kind == b"text":
        return b"text" + bytes(4) + raw
    # textDescriptionType: ASCII, then an empty Unicode part and an empty ScriptCode part.
    return b"desc" + bytes(4) + struct.pack(">I", len(raw)) + raw + bytes(4 + 4 + 2 + 1 + 67)


def _text_v4(text):
    raw = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(raw), 28) + raw


def gamma_curve(gamma):
    """`curv` with a single u8Fixed8 exponent."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve():
    """`para` type 3: sRGB's linear toe and 2.4 exponent."""
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _s15(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def matrix_profile(name, primaries, curve, version):
    """A display profile with `primaries` ((xr, yr), (xg, yg), (xb, yb)) under D65, as bytes."""
    white = _xyz(D65_XY)
    unscaled = tuple(zip(*(_xyz(p) for p in primaries)))
    scale = _apply(_invert(unscaled), white)
    to_xyz = tuple(tuple(unscaled[i][j] * scale[j] for j in range(3)) for i in range(3))
    adaptation = _adaptation(white)
    colorants = _mul(adaptation, to_xyz)

    notice = "CC0"
    if version == 4:
        tags = [(b"desc", _text_v4(name)), (b"cprt", _text_v4(notice)), (b"wtpt", b"XYZ " + bytes(4) + _s15(*D50))]
        tags.append((b"chad", b"sf32" + bytes(4) + _s15(*(v for row in adaptation for v in row))))
    else:
        tags = [(b"desc", _text_v2(b"desc", name)), (b"cprt", _text_v2(b"text", notice))]
        tags.append((b"wtpt", b"XYZ " + bytes(4) + _s15(*white)))
    for j, letter in enumerate((b"r", b"g", b"b")):
        tags.append((letter + b"XYZ", b"XYZ " + bytes(4) + _s15(*(colorants[i][j] for i in range(3)))))
    for letter in (b"r", b"g", b"b"):
        tags.append((letter + b"TRC", curve))

    # Equal tag data is stored once, as real profiles do with their three curves.
    table, data, placed = b"", b"", {}
    start = 128 + 4 + 12 * len(tags)
    for signature, content in tags:
        if content not in placed:
            placed[content] = start + len(data)
            data += content + bytes(-len(content) % 4)
        table += signature + struct.pack(">II", placed[content], len(content))
    size = start + len(data)
    header = struct.pack(
        ">I4s4s4s4s4s6H4s4sI4s4s8sI",
        size, bytes(4), bytes((version, 0x30 if version == 4 else 0x10, 0, 0)), b"mntr", b"RGB ", b"XYZ ",
        2026, 1, 1, 0, 0, 0, b"acsp", bytes(4), 0, bytes(4), bytes(4), bytes(8), 0,
    )  # fmt: skip
    header += _s15(*D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def display_p3():
    return matrix_profile("Display P3 (test)", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), srgb_curve(), 4)


def adobe_rgb():
    return matrix_profile("Adobe RGB compatible (test)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), gamma_curve(563 / 256), 2)
