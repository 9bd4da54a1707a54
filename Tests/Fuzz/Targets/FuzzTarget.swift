/// A reader of bytes that may come from anywhere, and what must hold for it whatever they are: it returns, it takes
/// memory in proportion to the bytes, and what it accepts can be written and read again.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case otlp
    case otlpJSON = "otlp-json"
    case block
    case journal

    /// Gives bytes to the reader.
    ///
    /// - Throws: When a promise was not kept; bytes that are refused are no failure.
    package func run(_ bytes: [UInt8]) throws(FuzzFailure) {
        switch self {
        case .otlp: try Self.readOTLP(bytes)
        case .otlpJSON: try Self.readJSON(bytes)
        case .block: try Self.readBlock(bytes)
        case .journal: try Self.readJournal(bytes)
        }
    }
}

/// A promise of a reader that some bytes broke.
package struct FuzzFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
