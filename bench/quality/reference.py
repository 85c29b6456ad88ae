"""The reference: a Lanczos-3 resize in 64-bit floats of every pixel of the source, and pictures as the scorer takes them."""

import numpy as np
from scipy import sparse

LOBES = 3


def weights(length, wanted):
    """The kernel as a matrix, `wanted` × `length`: stretched by the scale, cut at the edges, each row normalised to 1."""
    scale = length / wanted
    stretch = max(scale, 1.0)
    rows, columns, values = [], [], []
    for index in range(wanted):
        center = (index + 0.5) * scale
        first = max(int(np.floor(center - LOBES * stretch)), 0)
        end = min(int(np.ceil(center + LOBES * stretch)), length)
        positions = np.arange(first, end)
        distance = (positions + 0.5 - center) / stretch
        kernel = np.where(np.abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0.0)
        rows.append(np.full(len(positions), index))
        columns.append(positions)
        values.append(kernel / kernel.sum())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(wanted, length))


def resized(pixels, width, height):
    """An array of rows × columns × 3, 0 to 255, as one of height × width × 3 of floats from 0 to 255."""
    down, across = weights(pixels.shape[0], height), weights(pixels.shape[1], width)
    channels = [(across @ (down @ pixels[:, :, channel].astype(np.float64)).T).T for channel in range(3)]
    return np.clip(np.stack(channels, axis=2), 0.0, 255.0)


def linear_light(pixels):
    """sRGB from 0 to 255 (IEC 61966-2-1) as linear light from 0 to 1, in the bytes that the scorer reads."""
    encoded = np.asarray(pixels, dtype=np.float64) / 255.0
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.ascontiguousarray(light, dtype="<f4").tobytes()
