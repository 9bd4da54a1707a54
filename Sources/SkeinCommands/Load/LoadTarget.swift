import OTLP

/// Where load is sent. Safe to use from any task.
protocol LoadTarget: Sendable {
    /// Sends one serialized `ExportTraceServiceRequest` once.
    ///
    /// - Parameter connection: which connection to use, from 0.
    func send(_ body: [UInt8], connection: Int) async -> LoadOutcome

    func close() async
}

/// What became of one attempt to send a request.
enum LoadOutcome: Sendable {
    /// Taken, but for so many spans.
    case accepted(rejectedSpans: Int)
    /// To be sent again, after the time the receiver asked for; nil leaves that to the sender.
    case retry(after: Duration?, reason: String)
    /// There is no connection, so the receiver never saw the request; to be sent again.
    case unreachable
    /// Refused for good.
    case refused(reason: String)

    /// The answer to a request that was taken.
    init(response: [UInt8]) {
        if response.isEmpty {
            self = .accepted(rejectedSpans: 0)
        } else if let answer = try? ExportResponse(decoding: response) {
            self = .accepted(rejectedSpans: Int(clamping: max(0, answer.rejectedSpans)))
        } else {
            self = .refused(reason: "undecodable answer")
        }
    }
}

/// What a request may take until it is answered: 10 s, the default of OTLP exporters.
let loadRequestTimeout = Duration.seconds(10)
