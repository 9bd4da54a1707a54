/// A `google.rpc.Status`: the body of an OTLP/HTTP error and of gRPC's `grpc-status-details-bin`.
package struct RPCStatus: Error, Hashable, Sendable {
    /// The codes of `google.rpc.Code` that a collector gives or meets.
    package enum Code: Int32, Sendable {
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

    /// A `google.protobuf.Any`.
    package struct Detail: Hashable, Sendable {
        package var typeURL: String
        /// The message of that type, in protobuf.
        package var value: [UInt8]

        package init(typeURL: String, value: [UInt8]) {
            self.typeURL = typeURL
            self.value = value
        }
    }

    /// A number of ``Code``, kept as it was sent when it is none.
    package var code: Int32
    package var message: String
    package var details: [Detail]

    /// - Parameter retryDelay: When to try again; adds a `google.rpc.RetryInfo`.
    package init(_ code: Code, _ message: String, retryDelay: Duration? = nil) {
        self.init(code: code.rawValue, message: message)
        if let retryDelay { details.append(.retryInfo(retryDelay)) }
    }

    package init(code: Int32 = 0, message: String = "", details: [Detail] = []) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// The delay of the first readable `google.rpc.RetryInfo`; nil when there is none. Negative delays read as zero.
    package var retryDelay: Duration? {
        details.lazy.compactMap(\.retryDelay).first
    }

    /// - Throws: ``WireError`` when the bytes are no message. Unknown fields are passed over.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        self.init()
        try WireReader.forEachField(of: bytes) { (reader, tag) throws(WireError) in
            switch tag {
            case 1 << 3 | 0: code = Int32(truncatingIfNeeded: try reader.varint())
            case 2 << 3 | 2: message = reader.text(try reader.lengthDelimited())
            case 3 << 3 | 2:
                var part = WireReader(base: reader.base, range: try reader.lengthDelimited())
                var detail = Detail(typeURL: "", value: [])
                while !part.isAtEnd {
                    switch try part.tag() {
                    case 1 << 3 | 2: detail.typeURL = part.text(try part.lengthDelimited())
                    case 2 << 3 | 2: detail.value = part.bytes(try part.lengthDelimited())
                    case let other: try part.skip(tag: other)
                    }
                }
                details.append(detail)
            default: try reader.skip(tag: tag)
            }
        }
    }

    /// Reads code and message. Details are passed over: they have no form in JSON without the schema of their type.
    /// - Throws: ``OTLPJSONError`` when the text is no such object.
    package init(decodingJSON bytes: [UInt8]) throws(OTLPJSONError) {
        let message = try OTLPJSON.decode(bytes, as: .rpcStatus)
        do { try self.init(decoding: message) } catch { throw JSONError(offset: 0, "unreadable status: \(error)") }
    }

    package func protobuf() -> [UInt8] {
        var writer = WireWriter()
        if code != 0 { writer.varint(1, UInt64(bitPattern: Int64(code))) }
        if !message.isEmpty { writer.string(2, message) }
        for detail in details {
            writer.message(3) { writer in
                writer.string(1, detail.typeURL)
                writer.bytes(2, detail.value)
            }
        }
        return writer.takeBytes()
    }

    /// In proto3 JSON; a detail other than `RetryInfo` is written as its type and its bytes in base64.
    package func json() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            if code != 0 { json.int("code", Int64(code)) }
            if !message.isEmpty { json.string("message", message) }
            guard !details.isEmpty else { return }
            json.array("details") { json in
                for detail in details {
                    json.object { json in
                        json.string("@type", detail.typeURL)
                        if let delay = detail.retryDelay {
                            json.string("retryDelay", delay.protobufText)
                        } else {
                            json.base64("value", detail.value[...])
                        }
                    }
                }
            }
        }
        return json.takeBytes()
    }
}

extension RPCStatus.Detail {
    private static let retryInfoType = "type.googleapis.com/google.rpc.RetryInfo"

    /// A `google.rpc.RetryInfo`.
    package static func retryInfo(_ delay: Duration) -> Self {
        var writer = WireWriter()
        let (seconds, attoseconds) = max(delay, .zero).components
        writer.message(1) { writer in
            if seconds != 0 { writer.varint(1, UInt64(bitPattern: seconds)) }
            if attoseconds >= 1_000_000_000 { writer.varint(2, UInt64(attoseconds / 1_000_000_000)) }
        }
        return Self(typeURL: retryInfoType, value: writer.takeBytes())
    }

    fileprivate var retryDelay: Duration? {
        guard typeURL == Self.retryInfoType else { return nil }
        var delay: Duration?
        let isReadable: Void? = try? WireReader.forEachField(of: value) { (reader, tag) throws(WireError) in
            guard tag == 1 << 3 | 2 else { return try reader.skip(tag: tag) }
            var part = WireReader(base: reader.base, range: try reader.lengthDelimited())
            var seconds: Int64 = 0
            var nanoseconds: Int32 = 0
            while !part.isAtEnd {
                switch try part.tag() {
                case 1 << 3 | 0: seconds = Int64(bitPattern: try part.varint())
                case 2 << 3 | 0: nanoseconds = Int32(truncatingIfNeeded: try part.varint())
                case let other: try part.skip(tag: other)
                }
            }
            // The range of google.protobuf.Duration; it also keeps the sum from overflowing.
            seconds = min(max(seconds, -315_576_000_000), 315_576_000_000)
            delay = max(.seconds(seconds) + .nanoseconds(Int64(nanoseconds)), .zero)
        }
        return isReadable == nil ? nil : delay
    }
}

extension Duration {
    /// Seconds with as many decimal places as there are, and an `s`.
    fileprivate var protobufText: String {
        let (seconds, attoseconds) = components
        guard attoseconds > 0 else { return "\(seconds)s" }
        var fraction = String(attoseconds / 1_000_000_000)
        fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
        while fraction.last == "0" { fraction.removeLast() }
        return fraction.isEmpty ? "\(seconds)s" : "\(seconds).\(fraction)s"
    }
}
