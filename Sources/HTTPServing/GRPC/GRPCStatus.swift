/// gRPC status codes (grpc/doc/statuscodes.md).
package enum GRPCStatusCode: Int, Sendable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16
}

/// The outcome of a call; streaming methods throw it, unary ones return it.
package struct GRPCStatus: Error, Equatable, Sendable {
    package let code: GRPCStatusCode
    /// For a person; percent-encoded on the wire.
    package let message: String
    /// A serialized `google.rpc.Status`, sent as `grpc-status-details-bin`.
    package let details: [UInt8]?

    package init(_ code: GRPCStatusCode, _ message: String = "", details: [UInt8]? = nil) {
        self.code = code
        self.message = message
        self.details = details
    }
}
