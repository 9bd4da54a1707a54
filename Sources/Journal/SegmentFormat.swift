import TraceStorage

/// The name and the first bytes of a segment file, version 1.
package enum SegmentFormat {
    static let magic = Array("SKEINJNL".utf8)
    /// The version that is written, and the latest that is read.
    package static let version: UInt32 = 1
    static let headerBytes = 32
    static let suffix = ".journal"
    /// Digits of the largest position, so that names sort as positions do.
    static let nameDigits = 20

    private enum Offset {
        static let version = 8
        static let headerBytes = 12
        static let firstPosition = 16
        static let checksum = 28
    }

    static func name(first: JournalPosition) -> String {
        let digits = String(first.rawValue)
        return String(repeating: "0", count: nameDigits - digits.utf8.count) + digits + suffix
    }

    /// The first position that a file's name states; nil when it is no segment.
    static func firstPosition(name: String) -> JournalPosition? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.utf8.count)
        guard digits.utf8.count == nameDigits, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        guard let number = UInt64(digits), number > 0, number <= RecordFormat.positionMax.rawValue else { return nil }
        return JournalPosition(number)
    }

    static func header(first: JournalPosition) -> [UInt8] {
        var bytes = magic
        bytes.reserveCapacity(headerBytes)
        bytes.appendLittleEndian(version)
        bytes.appendLittleEndian(UInt32(headerBytes))
        bytes.appendLittleEndian(first.rawValue)
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(bytes.span.bytes.crc32c())
        return bytes
    }

    /// What the first bytes of a file say.
    enum HeaderState: Equatable {
        case valid
        case damaged
        case future(version: UInt32)
    }

    /// The version stands before everything that a later one may change, so it is judged first.
    static func check(_ bytes: [UInt8], first: JournalPosition) -> HeaderState {
        guard bytes.starts(with: magic), bytes.count >= Offset.headerBytes else { return .damaged }
        let span = bytes.span.bytes
        let found = span.littleEndian(Offset.version, as: UInt32.self)
        let isIntact =
            bytes.count >= headerBytes
            && span.extracting(first: Offset.checksum).crc32c()
                == span.littleEndian(Offset.checksum, as: UInt32.self)
        if found != version {
            // A flipped bit in a header of version 1 is no future version; a real one need not have our checksum.
            let repaired = header(first: first)
            let differing = zip(bytes, repaired).count { $0 != $1 }
            return found > version && differing > 1 ? .future(version: found) : .damaged
        }
        let matchesName = isIntact && span.littleEndian(Offset.firstPosition, as: UInt64.self) == first.rawValue
        return matchesName ? .valid : .damaged
    }
}
