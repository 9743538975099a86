"""Reads frames of columns; written from wal/columns/README.md alone.

read_frame.py DIRECTORY: reads each NAME.frame and compares it with NAME.lines.
Prints how many were the same; ends with 1 at the first that is not.
"""

import ctypes
import pathlib
import sys

WORD = 0xC0
LIMIT = 1 << 64


def unzstd(data, size):
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    out = ctypes.create_string_buffer(max(size, 1))
    if zstd.ZSTD_decompress(out, size, data, len(data)) != size:
        raise ValueError("the texts are no zstd frame of their size")
    return out.raw[:size]


class Bytes:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise ValueError("ends early")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def u8(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if value >= LIMIT:
            raise ValueError("a varint of more than 64 bits")
        return value

    def zigzag(self):
        coded = self.varint()
        return coded // 2 if coded % 2 == 0 else -(coded + 1) // 2

    def packed(self, count, width):
        bits = int.from_bytes(self.take((count * width + 7) // 8), "little")
        return [bits >> (i * width) & ((1 << width) - 1) for i in range(count)]

    def numbers(self, count):
        form = self.u8()
        if form <= 64:
            return self.packed(count, form)
        if form == 65:
            least = self.varint()
            return [(least + n) % LIMIT for n in self.packed(count, self.u8())]
        if form == 66:
            numbers = [self.varint()]
            least = self.zigzag()
            for step in self.packed(count - 1, self.u8()):
                numbers.append((numbers[-1] + least + step) % LIMIT)
            return numbers
        if form != 67:
            raise ValueError("an unknown form")
        number, numbers = self.varint(), []
        while True:
            numbers += [number] * (self.varint() + 1)
            if len(numbers) >= count:
                break
            number = (number + self.zigzag()) % LIMIT
        if len(numbers) != count:
            raise ValueError("a run that is too long")
        return numbers


def text_of(kind, m):
    if kind > WORD:
        return b"%0*d" % (kind - WORD, m)
    decimals = kind & 0x1F
    digits = b"%0*d" % (decimals + 1, m)
    if decimals:
        digits = digits[:-decimals] + b"." + digits[-decimals:]
    suffix = {0: b"", 0x40: b"i", 0x80: b"u"}[kind & 0xC0]
    return (b"-" if kind & 0x20 else b"") + digits + suffix


class Frame:
    def __init__(self, data):
        self.rest = Bytes(data)

    def dictionary(self):
        sizes = self.rest.numbers(self.rest.varint())
        return [self.texts.take(size) for size in sizes]

    def column(self, count):
        """Returns the texts of a column's values."""
        rest = self.rest
        kind = rest.u8()
        if kind == 0:
            return [self.texts.take(rest.varint())] * count
        if kind == 1:
            words = self.dictionary()
            return [words[i] for i in rest.numbers(count)]
        if kind == 2:
            written = rest.u8()
            return [text_of(written, m) for m in rest.numbers(count)]
        if kind == 3:
            return self.classes(count)
        if kind != 4:
            raise ValueError("an unknown kind of column")
        before, behind = rest.varint(), rest.varint()
        before, behind = self.texts.take(before), self.texts.take(behind)
        written = rest.u8()
        return [before + text_of(written, m) + behind for m in rest.numbers(count)]

    def classes(self, count):
        rest = self.rest
        listed = [rest.u8() for _ in range(rest.varint())]
        words = self.dictionary() if WORD in listed else []
        numbers = rest.numbers(count)
        values = []
        for place, written in enumerate(listed):
            of_class = rest.numbers(numbers.count(place))
            values.append(iter([words[m] if written == WORD else text_of(written, m) for m in of_class]))
        return [next(values[place]) for place in numbers]

    def read(self):
        rest = self.rest
        if rest.u8() != 1:
            raise ValueError("an unknown version")
        size = rest.varint()
        flags = rest.u8()
        texts_size = rest.varint()
        texts = unzstd(rest.take(rest.varint()), texts_size) if flags & 1 else rest.take(texts_size)
        self.texts = Bytes(texts)
        shapes = [([b""], False)]
        for _ in range(rest.varint()):
            values, timed = divmod(rest.varint(), 2)
            shapes.append(([self.texts.take(rest.varint()) for _ in range(values)], bool(timed)))
        count = rest.varint()
        lines = rest.numbers(count) if len(shapes) > 1 else [0] * count
        body = b"".join(self.lines(shapes, lines))
        if flags & 2:
            body = body[:-1]
        if len(body) != size or rest.at != len(rest.data) or self.texts.at != len(texts):
            raise ValueError("has another size than it says")
        return body

    def lines(self, shapes, lines):
        timed = sum(shapes[shape][1] for shape in lines)
        times = iter(self.column(timed) if timed else [])
        rows = {}
        for number, (glues, has_time) in enumerate(shapes):
            uses = lines.count(number)
            if uses:
                columns = [self.column(uses) for _ in range(len(glues) - has_time)]
                rows[number] = zip(*columns) if columns else iter([()] * uses)
        for number in lines:
            glues, has_time = shapes[number]
            values = list(next(rows[number])) + ([next(times)] if has_time else [])
            yield b"".join(glue + value for glue, value in zip(glues, values)) + b"\n"


def main():
    same = 0
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.frame")):
        if Frame(path.read_bytes()).read() != path.with_suffix(".lines").read_bytes():
            print(f"{path}: other lines")
            return 1
        same += 1
    print(f"{same} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
