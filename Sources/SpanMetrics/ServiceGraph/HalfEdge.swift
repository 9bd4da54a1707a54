import OTLP

/// One side of a request, which waits for the other: 40 bytes, as there may be very many.
struct HalfEdge: Hashable, Sendable {
    /// What both sides have in common, the trace and the client's span, as one number: of random ids no two that meet
    /// here are likely to agree, and who makes up ids that do only makes up requests of his own.
    struct Key: Hashable, Sendable {
        let rawValue: UInt64

        init(rawValue: UInt64) { self.rawValue = rawValue }

        @inline(__always)
        init(_ trace: TraceID, _ span: SpanID) {
            let mixed = trace.low ^ trace.high &* 0x9E37_79B9_7F4A_7C15
            let (high, low) = mixed.multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
            rawValue = (high ^ low) &+ span.rawValue &* 0xC2B2_AE3D_27D4_EB4F
        }

        /// Of no span.
        static let none = Key(rawValue: 0)
    }

    struct Flags: OptionSet, Hashable, Sendable {
        let rawValue: UInt8

        /// The client's or producer's side; else the server's or consumer's.
        static let client = Flags(rawValue: 1)
        static let error = Flags(rawValue: 2)
        static let messaging = Flags(rawValue: 4)
        /// The other side has come; a client's is kept for further ones.
        static let matched = Flags(rawValue: 8)
        /// Of a client: `peer` is a database, and nobody is waited for.
        static let database = Flags(rawValue: 16)
        /// Of a client: another one of the same service is directly below it, and is the one that asked.
        static let nested = Flags(rawValue: 32)
        /// Of a client: `peer` is that of the one above it.
        static let inherited = Flags(rawValue: 64)

        /// All that a checkpoint may have.
        static let known = Flags(rawValue: 127)
    }

    var key: Key
    /// Of a client: the key of the span above it; else ``Key/none``.
    var parent: Key
    var durationNanoseconds: UInt64
    /// Who it is: a number of ``ServiceGraphTotals/sides``.
    var side: UInt32
    /// Of a client: whom it asked, should nobody answer.
    var peer: UInt32
    /// How many requests it stands for.
    var count: UInt32
    var tenant: UInt16
    var flags: Flags
}
