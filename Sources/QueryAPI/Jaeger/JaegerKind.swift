/// The kind of a span as Jaeger's APIs write it; unspecified has no name.
enum JaegerKind: String, CaseIterable {
    case `internal`
    case server
    case client
    case producer
    case consumer

    /// Nil for unspecified and unknown kinds.
    init?(_ kind: Int32) {
        guard let match = Self.allCases.first(where: { $0.number == kind }) else { return nil }
        self = match
    }

    /// `SpanKind` on the wire.
    var number: Int32 {
        switch self {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }
}
