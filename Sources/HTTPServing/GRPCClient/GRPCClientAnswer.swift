import NIOCore
import NIOHPACK

/// What has come of the answer to one unary call. No I/O.
struct GRPCClientAnswer {
    private var assembler: GRPCMessageAssembler
    private var hasHeaders = false
    private var hasMessage = false
    private var status: GRPCStatus?

    init(limitBytes: Int) {
        assembler = GRPCMessageAssembler(limitBytes: limitBytes)
    }

    /// Takes a header block: the first one, or the trailers.
    mutating func append(_ headers: HPACKHeaders, isLast: Bool) throws(GRPCStatus) {
        if !hasHeaders {
            let httpStatus = headers.first(name: ":status") ?? ""
            // Interim answers come before the real one.
            if httpStatus.hasPrefix("1"), !isLast { return }
            hasHeaders = true
            let isGRPC = headers.first(name: "content-type")?.hasPrefix("application/grpc") == true
            guard httpStatus == "200", isGRPC else { throw GRPCClientHeaders.status(http: httpStatus) }
        }
        if isLast { status = GRPCClientHeaders.status(headers) }
    }

    mutating func append(_ buffer: ByteBuffer) throws(GRPCStatus) {
        guard buffer.readableBytes > 0 else { return }
        hasMessage = true
        try assembler.append(buffer)
    }

    /// The call's outcome, once the server has said that it was all.
    mutating func finish() -> GRPCResponse {
        guard let status else { return .failure(GRPCStatus(.unknown, "the answer ended without a status")) }
        guard status.code == .ok else { return .failure(status) }
        guard hasMessage, let (isCompressed, message) = try? assembler.finish() else {
            return .failure(GRPCStatus(.internal, "the answer ended before its message was complete"))
        }
        // None was offered.
        if isCompressed { return .failure(GRPCStatus(.internal, "the answer is compressed")) }
        return .ok(message: message)
    }
}
