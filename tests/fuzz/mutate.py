"""Sound files made hostile: bytes, JSON, arrays, zip members and pictures, each changed by a seeded generator."""

import copy
import io
import json
import struct
import zipfile
import zlib
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

Random = np.random.Generator

HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1, 7, 2**31 - 1, 2**31, 2**63, 2**64, 10**40, -(10**40), 0.5, -0.0, 1e308, -1e308,
    float("nan"), float("inf"), float("-inf"), "", "x", "tokens", "baseline", "bot", "random", "5xbot+5xgone", "a\0b",
    "../../etc/passwd", "\ud800", "é" * 5000, [], {}, [None], ["bot"] * 3, {"a": 1}, {"seed": 1}, [[[[[]]]]], [1, "a"],
)  # fmt: skip


def pick(random: Random, options: Any) -> Any:
    """One of several, without turning it into NumPy's own types."""
    options = list(options)
    return options[int(random.integers(len(options)))]


def bytes_of(random: Random, data: bytes) -> bytes:
    """Some bytes of a file flipped, cut off, repeated, zeroed, or put in."""
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        at = int(random.integers(len(changed) + 1)) if random.random() < 0.5 else int(random.integers(200))
        at = min(at, max(0, len(changed) - 1))
        length = int(2 ** random.uniform(0, 12))
        how = int(random.integers(6))
        if how == 0:
            del changed[at:]
        elif how == 1:
            del changed[at : at + length]
        elif how == 2:
            changed[at:at] = random.bytes(length)
        elif how == 3:
            changed[at : at + length] = bytes(len(changed[at : at + length]))
        elif how == 4:
            changed[at:at] = changed[at : at + length]
        elif changed:
            changed[at] ^= 1 << int(random.integers(8))
    return bytes(changed)


def json_of(random: Random, tree: Any) -> str:
    """A JSON text with something in it replaced, left out, added, or broken off."""
    tree = copy.deepcopy(tree)
    how = random.random()
    if how < 0.08:
        return pick(
            random, ("", "{", "[]", "null", "1" * 6000, "[" * 100_000, '{"a":' * 50_000, "\ud800", "NaN", '"x"')
        )
    for _ in range(int(random.integers(1, 3))):
        place = tree
        while isinstance(place, dict | list) and place:
            key = pick(random, place if isinstance(place, dict) else range(len(place)))
            if isinstance(place[key], dict | list) and place[key] and random.random() < 0.7:
                place = place[key]
                continue
            if random.random() < 0.15:
                del place[key]
            elif isinstance(place, dict) and random.random() < 0.15:
                place[pick(random, ("extra", "seed", "self", "name", "", "model"))] = pick(random, HOSTILE)
            else:
                place[key] = pick(random, HOSTILE)
            break
    text = json.dumps(tree)
    return text[: int(random.integers(len(text)))] if how > 0.97 else text


def array_of(random: Random, array: np.ndarray) -> np.ndarray:
    """An array with other numbers, of another type, or of another shape."""
    how = random.random()
    if how < 0.7 and array.size:
        changed = array.copy()
        flat = changed.reshape(-1)
        where = slice(None) if random.random() < 0.4 else random.integers(flat.size, size=int(random.integers(1, 4)))
        with np.errstate(all="ignore"):
            flat[where] = _extreme(random, array.dtype)
        return changed
    if how < 0.85:
        kinds = (np.float16, np.float32, np.float64, np.int8, np.int32, np.int64, np.uint8, np.uint64, np.bool_)
        with np.errstate(all="ignore"):
            return array.astype(pick(random, kinds))
    array = np.atleast_1d(array)
    shapes = (array[:0], array[None], array.ravel(), array[..., None], np.repeat(array, 2, 0), array.T)
    return np.ascontiguousarray(pick(random, shapes))


def _extreme(random: Random, dtype: np.dtype) -> Any:
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return pick(random, (np.nan, np.inf, -np.inf, largest, -largest, -1.0, 0.0, 1e-30, 1e6))
    if dtype.kind == "b":
        return pick(random, (True, False))
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return pick(random, (low, high, low + 1, 0, 1, 2, 3, min(high, 255), high // 2))


def safetensors_of(random: Random, arrays: dict[str, np.ndarray], content: dict[str, Any], form: str) -> bytes:
    """A checkpoint whose description or arrays are changed, or whose bytes are."""
    arrays, how = dict(arrays), random.random()
    text = json_of(random, content) if how < 0.4 else json.dumps(content)
    text = text.encode("utf-8", "replace").decode()  # safetensors writes no lone surrogate; `_other_header` does
    if 0.35 < how < 0.85:
        for _ in range(int(random.integers(1, 4))):
            _change_one(random, arrays)
    arrays = {name: np.asarray(a, order="C") for name, a in arrays.items()}  # ascontiguousarray adds an axis to numbers
    data = save(arrays, {"format": form, "content": text})
    if how > 0.95:
        return _other_header(random, data)
    return bytes_of(random, data) if how > 0.85 else data


def _change_one(random: Random, arrays: dict[str, np.ndarray]) -> None:
    groups = sorted({name.partition(".")[0] for name in arrays})
    group = pick(random, groups)  # a model has many arrays, a world few: each group as often as the others
    name = pick(random, [name for name in arrays if name.partition(".")[0] == group])
    how = random.random()
    if how < 0.08:
        del arrays[name]
    elif how < 0.16:
        arrays[pick(random, (name + "x", "model.x", "envs.x", "optimizer.x", "optimizer.0", "x", name + "@scale"))] = (
            arrays[name] if how < 0.12 else arrays.pop(name)
        )
    else:
        arrays[name] = array_of(random, arrays[name])


def _other_header(random: Random, data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    text = json_of(random, header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", pick(random, (len(text), len(text), length, 2**40, 0))) + text + rest


def npz_of(random: Random, arrays: dict[str, np.ndarray]) -> bytes:
    """An .npz file with arrays, members, or bytes that no program of ours writes."""
    arrays, how = dict(arrays), random.random()
    if how < 0.5:
        name = pick(random, arrays)
        if name == "header" and random.random() < 0.9:
            text = json_of(random, json.loads(arrays[name].tobytes()))
            arrays[name] = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
        elif random.random() < 0.1:
            del arrays[name]
        else:
            arrays[name] = array_of(random, arrays[name])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            np.lib.format.write_array(member := io.BytesIO(), array)
            _write_member(random, archive, name, member.getvalue(), 0.5 <= how < 0.85)
    data = file.getvalue()
    if how > 0.97:
        return data.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00")  # says that it is encrypted
    return bytes_of(random, data) if how > 0.85 else data


def _write_member(random: Random, archive: zipfile.ZipFile, name: str, data: bytes, hostile: bool) -> None:
    how = int(random.integers(8)) if hostile else -1
    method = zipfile.ZIP_DEFLATED
    if how == 0:
        shapes = ((2**62,), (10**6, 10**5), (-1,), (0,), (2**40, 2**40), (True,), (0, 2**62))
        data = _declaring(pick(random, shapes), "|u1")
    elif how == 1:
        data = _declaring((4,), pick(random, ("|O", "<M8[s]", "<U9", "|V8", "<c16", ">i4", "<f2", "|S3", "nonsense")))
    elif how == 2:
        data = data[:6] + bytes(pick(random, ([9, 9], [2, 0, 0, 0, 0, 16]))) + data[8:]  # no such version, header
    elif how == 3:
        data = _declaring((100_000_000,), "|u1") + bytes(100_000_000)  # a hundred kilobytes that would be so many
    elif how == 4:
        name = pick(random, ("readme", "../" + name, name + "/x", "", "é" * 300))
    elif how == 5:
        method = pick(random, (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED))
    elif how == 6:
        data = data[: int(random.integers(len(data)))]
    archive.writestr(zipfile.ZipInfo(name if how == 4 else name + ".npy"), data, compress_type=method)
    if how == 7:
        archive.writestr(zipfile.ZipInfo("more.npy"), data)


def _declaring(shape: tuple[int, ...], dtype: str) -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"


def picture_of(random: Random) -> bytes:
    """A picture in some format, with odd sides or colours, often damaged, sometimes far too large."""
    how = random.random()
    if how < 0.05:
        return _blank_png(*pick(random, ((12_000, 12_000), (2**31 - 1, 2**31 - 1), (0, 0), (100_000, 1), (4096, 4097))))
    if how < 0.1:
        others = (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n",
            b"%PDF-1.4\n",
            b"P6 64 64 255\n",
            b"/* XPM */",
        )
        return pick(random, (*others, b"\0\0\1\0", b"GIF89a", b"RIFF\xff\xff\xff\xffWEBPVP8 ", b"", b"II*\0"))
    sides = tuple(int(pick(random, (32, 32, 64, 96, 1, 33))) for _ in range(2))
    mode = pick(random, ("RGB", "RGBA", "L", "P", "1", "I;16", "CMYK", "F", "LA"))
    form = pick(random, ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "ICO"))
    file = io.BytesIO()
    try:
        image = Image.fromarray(random.integers(256, size=(*sides, 3), dtype=np.uint8)).convert(mode)
        image.save(file, form)
    except (OSError, ValueError, KeyError):  # a format that has no such pixels
        image = Image.new("RGB", sides, (90, 150, 80))
        image.save(file := io.BytesIO(), "PNG")
    return bytes_of(random, file.getvalue()) if random.random() < 0.8 else file.getvalue()


def _blank_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress(bytes(min(10_000_000, (width + 1) * height)), 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
