"""A second reader of the store's files, written after docs/formats/block-v1.md alone.

It exists to prove that the document says enough: it shares no code with the collector. Slow, whole blocks at a time.
"""

import struct
from dataclasses import dataclass, field

import zstandard

SPAN, EVENT, LINK = 0, 1, 2
ATTRIBUTE, SHAPE, RAW, SCOPE, TRACE, SPAN_ID, PARENT, PARENT_ID = range(8)
TIME, DURATION, NAME, KIND, STATUS_CODE, STATUS_MESSAGE, TRACE_STATE, FLAGS = range(8, 16)
HAS_STATUS, DROPPED_ATTRIBUTES, DROPPED_EVENTS, DROPPED_LINKS, EVENT_COUNT, LINK_COUNT, TRACE_ID = range(16, 23)
NUMBER_ROLES = {
    SHAPE, SCOPE, TRACE, PARENT, TIME, DURATION, KIND, STATUS_CODE, FLAGS, HAS_STATUS, DROPPED_ATTRIBUTES,
    DROPPED_EVENTS, DROPPED_LINKS, EVENT_COUNT, LINK_COUNT,
}
FIXED_ROLES = {SPAN_ID: 8, PARENT_ID: 8, TRACE_ID: 16}
KEY_ONLY, EMPTY, STRING, BOOL, INT, DOUBLE, ARRAY, KEY_VALUES, BYTES = range(9)
GROUP_ROWS = 4096
WORD = 1 << 64


class FormatError(Exception):
    pass


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def crc32c(data):
    state = 0xFFFFFFFF
    for byte in data:
        state = state >> 8 ^ CRC_TABLE[(state ^ byte) & 0xFF]
    return state ^ 0xFFFFFFFF


def unzigzag(value):
    return value >> 1 ^ -(value & 1)


class Reader:
    def __init__(self, data, offset=0):
        self.data = data
        self.offset = offset

    def take(self, count):
        part = self.data[self.offset : self.offset + count]
        if len(part) != count:
            raise FormatError(f"ends within {count} bytes at {self.offset}")
        self.offset += count
        return part

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.take(8))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def string(self):
        return self.take(self.varint())

    def page(self):
        return Page(self.varint(), self.varint(), self.varint(), self.u32())


@dataclass
class Page:
    offset: int
    stored: int
    raw: int
    checksum: int


@dataclass
class Column:
    role: int
    type: int
    key: bytes
    # One (number of values, page or None) for each row group.
    pages: list = field(default_factory=list)
    dictionary: list = field(default_factory=list)


@dataclass
class Table:
    rows: list
    columns: list
    shapes: list

    def column(self, role):
        return next(column for column in self.columns if column.role == role)


def numbers(reader, count):
    """A page part of whole numbers; doubles that are kept as decimals come as doubles."""
    mode, width = reader.take(1)[0], reader.take(1)[0]
    base = reader.u64()
    planes = [reader.take(count) for _ in range(width)]
    values = [sum(plane[i] << 8 * n for n, plane in enumerate(planes)) for i in range(count)]
    if mode == 0:
        return [(base + value) % WORD for value in values]
    if mode == 1:
        result, last = [], base
        for value in values:
            last = (last + unzigzag(value)) % WORD
            result.append(last)
        return result
    if mode > 11:
        raise FormatError(f"numbers of mode {mode}")
    doubles = [unzigzag((base + value) % WORD) / 10.0 ** (mode - 2) for value in values]
    return [struct.unpack("<Q", struct.pack("<d", double))[0] for double in doubles]


def byte_strings(reader, count):
    lengths = numbers(reader, count)
    prefix = reader.take(reader.take(1)[0])
    return [prefix + reader.take(length) for length in lengths]


def hex_digits(reader, count):
    pattern = reader.string()
    places = [index for index, byte in enumerate(pattern) if byte == 0]
    result = []
    for _ in range(count):
        packed = reader.take((len(places) + 1) // 2)
        value = bytearray(pattern)
        for digit, place in enumerate(places):
            half = packed[digit // 2] >> (4 if digit % 2 else 0) & 0xF
            value[place] = b"0123456789abcdef"[half]
        result.append(bytes(value))
    return result


class Block:
    """One block file: `spans()` gives what it holds."""

    def __init__(self, data):
        self.data = data
        if data[:8] != b"SKEINBLK" or data[-8:] != b"SKEINBLK":
            raise FormatError("no block")
        version, checksum = struct.unpack("<II", data[8:16])
        if checksum != crc32c(data[:12]) or version != 1:
            raise FormatError(f"header, version {version}")
        offset, stored, raw, checksum, version, own = struct.unpack("<QIIIII", data[-36:-8])
        if own != crc32c(data[-36:-12]) or version != 1:
            raise FormatError("trailer")
        self._read_footer(Reader(self.content(Page(offset, stored, raw, checksum))))

    def content(self, page):
        stored = self.data[page.offset : page.offset + page.stored]
        if len(stored) != page.stored or crc32c(stored) != page.checksum:
            raise FormatError(f"page at {page.offset}")
        if page.stored == page.raw:
            return stored
        content = zstandard.ZstdDecompressor().decompress(stored)
        if len(content) != page.raw:
            raise FormatError(f"page at {page.offset} has {len(content)} bytes")
        return content

    def _read_footer(self, reader):
        self.tenant, self.is_far_off, self.rows = reader.string(), reader.varint() == 1, reader.varint()
        self.start_min, self.start_max, self.received_min, self.received_max = (reader.u64() for _ in range(4))
        self.first_position, self.last_position = reader.u64(), reader.u64()
        self.has_services = reader.varint() == 1
        self.services = [reader.string() for _ in range(reader.varint())]
        self.scopes, self.scope_count = reader.page(), reader.varint()
        self.operations = reader.page()
        trace_count = reader.varint()
        pages = [(reader.u64(), reader.page()) for _ in range((trace_count + 255) // 256)]
        self.traces = []
        for _, page in pages:
            content = self.content(page)
            # Ids stand as numbers: high half, low half; the wire has them in network byte order.
            for start in range(0, len(content), 20):
                high, low, first, last = struct.unpack("<QQHH", content[start : start + 20])
                self.traces.append((struct.pack(">QQ", high, low), first, last))
        if len(self.traces) != trace_count or self.traces != sorted(self.traces):
            raise FormatError("trace index")
        groups = (self.rows + GROUP_ROWS - 1) // GROUP_ROWS
        self.tables = [self._table(reader, groups) for _ in range(3)]
        # For each row group the longest duration by service, the first for spans without one; None for no span.
        self.longest = None
        count = reader.varint() if reader.offset < len(reader.data) else 0
        if count:
            if count != len(self.services) + 1:
                raise FormatError(f"longest spans of {count} services")
            values = [[reader.varint() for _ in range(count)] for _ in range(groups)]
            self.longest = [[value - 1 if value else None for value in group] for group in values]

    def _table(self, reader, groups):
        rows = [reader.varint() for _ in range(groups)]
        columns = [self._column(reader, groups) for _ in range(reader.varint())]
        shapes = [[reader.varint() for _ in range(reader.varint())] for _ in range(reader.varint())]
        return Table(rows, columns, shapes)

    @staticmethod
    def _column(reader, groups):
        column = Column(reader.varint(), reader.varint(), reader.string())
        has_pages = column.role != ATTRIBUTE or column.type not in (KEY_ONLY, EMPTY)
        for _ in range(groups):
            count, page = reader.varint(), None
            if count and has_pages:
                page = reader.page()
                if column.role in (TIME, DURATION):
                    reader.take(16)
            column.pages.append((count, page))
        column.dictionary = [(reader.varint(), reader.page()) for _ in range(reader.varint())]
        return column

    def values(self, column, group):
        """The values of a column in a row group: numbers, bytes, or None for types without values."""
        count, page = column.pages[group]
        if page is None:
            return [None] * count
        reader = Reader(self.content(page))
        if column.role in FIXED_ROLES:
            return [reader.take(FIXED_ROLES[column.role]) for _ in range(count)]
        if column.role in NUMBER_ROLES or (column.role == ATTRIBUTE and column.type in (BOOL, INT, DOUBLE)):
            return numbers(reader, count)
        mode = reader.take(1)[0]
        if mode == 0:
            return byte_strings(reader, count)
        if mode == 2:
            return hex_digits(reader, count)
        entries = []
        for size, dictionary in column.dictionary:
            entries += byte_strings(Reader(self.content(dictionary)), size)
        return [entries[code] for code in numbers(reader, count)]
