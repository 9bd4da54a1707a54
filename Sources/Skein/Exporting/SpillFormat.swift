/// The name of a spill file: `spans-{sequence}-{spans}.otlp`, or `.tmp` while it is written.
struct SpillFileName: Sendable, Equatable {
    let sequence: UInt64
    let recordCount: Int

    init(sequence: UInt64, recordCount: Int) {
        self.sequence = sequence
        self.recordCount = recordCount
    }

    /// Nil for a name of another kind.
    init?(final name: String) { self.init(name, suffix: ".otlp") }

    /// Nil for a name of another kind.
    init?(temporary name: String) { self.init(name, suffix: ".tmp") }

    private init?(_ name: String, suffix: String) {
        guard name.hasPrefix("spans-"), name.hasSuffix(suffix) else { return nil }
        let numbers = name.dropFirst("spans-".count).dropLast(suffix.count).split(
            separator: "-", omittingEmptySubsequences: false)
        // Spans fit 32 bits in the header; a sequence at its maximum has no successor.
        guard numbers.count == 2, let sequence = UInt64(numbers[0]), sequence < .max,
            let recordCount = UInt32(numbers[1])
        else { return nil }
        self.init(sequence: sequence, recordCount: Int(recordCount))
        // Any other way to write the numbers would name another file.
        guard name == stem + suffix else { return nil }
    }

    var final: String { "\(stem).otlp" }
    var temporary: String { "\(stem).tmp" }

    /// Twenty digits hold any sequence, so that a listing is in order.
    private var stem: String {
        let digits = String(sequence)
        return "spans-\(String(repeating: "0", count: 20 - digits.count))\(digits)-\(recordCount)"
    }
}

/// What is in a spill file: a header of 28 bytes (magic and version, length, checksum, spans; little-endian), then the
/// request.
enum SpillFormat {
    static let headerBytes = 28
    /// The last byte is the version.
    private static let magic = Array("SKSPILL1".utf8)

    static func header(_ request: [UInt8], recordCount: Int) -> [UInt8] {
        magic + littleEndian(UInt64(request.count)) + littleEndian(checksum(request))
            + littleEndian(UInt32(clamping: recordCount))
    }

    /// The request of a file; nil when the file is not as it was written.
    static func request(_ file: [UInt8], recordCount: Int) -> [UInt8]? {
        guard file.count >= headerBytes else { return nil }
        let request = Array(file[headerBytes...])
        return file.prefix(headerBytes).elementsEqual(header(request, recordCount: recordCount)) ? request : nil
    }

    private static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// FNV-1a of 64 bits: finds what was cut or overwritten, which is all it is for; about 1 ns a byte.
    private static func checksum(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { buffer in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in buffer { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            return hash
        }
    }
}
