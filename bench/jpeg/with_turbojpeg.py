"""libjpeg-turbo's decoding alone, by its TurboJPEG interface: the largest size's reduced picture as RGB, neither resized nor encoded.

What nobody who decodes with it can go below. The scale is the smallest of 1/8, 1/4, 1/2 and 1/1 that is not below the
thumbnail. How it is called: bench/turns.py; no picture comes of it.
"""

import ctypes
import ctypes.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import turns  # noqa: E402

RGB = 0  # TJPF_RGB

library = ctypes.CDLL(ctypes.util.find_library("turbojpeg") or "libturbojpeg.so.0")
library.tjInitDecompress.restype = ctypes.c_void_p
library.tjGetErrorStr2.restype = ctypes.c_char_p
library.tjGetErrorStr2.argtypes = [ctypes.c_void_p]
library.tjDecompressHeader3.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, *[ctypes.POINTER(ctypes.c_int)] * 4]
library.tjDecompress2.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p, *[ctypes.c_int] * 5]
decoder = library.tjInitDecompress()
pixels = bytearray()


def checked(code):
    if code:
        raise RuntimeError(library.tjGetErrorStr2(decoder).decode())


def shrunk(length, eighths):
    return -(-length * eighths // 8)


def decode(data, sizes, _quality):
    width, height, subsampling, space = (ctypes.c_int() for _ in range(4))
    checked(library.tjDecompressHeader3(decoder, data, len(data), width, height, subsampling, space))
    longer = max(width.value, height.value)
    eighths = next((n for n in (1, 2, 4) if shrunk(longer, n) >= max(sizes)), 8)
    wide, high = shrunk(width.value, eighths), shrunk(height.value, eighths)
    if len(pixels) < wide * high * 3:
        pixels.extend(bytes(wide * high * 3 - len(pixels)))
    target = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    checked(library.tjDecompress2(decoder, data, len(data), target, wide, 0, high, RGB, 0))
    return []


turns.main(decode)
