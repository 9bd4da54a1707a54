import NIOHPACK

/// What the header fields of a request say about the call.
struct GRPCCallHead {
    enum Refusal: Error, Equatable {
        /// Not gRPC at all: an HTTP status and no more.
        case http(status: Int)
        case status(GRPCStatus, acceptEncoding: Bool)
    }

    /// Encodings of requests, for `grpc-accept-encoding`.
    static let acceptEncoding = ContentEncoding.allCases.map(\.rawValue).joined(separator: ",")

    let method: GRPCMethod
    let encoding: ContentEncoding
    let timeout: Duration?
    let metadata: GRPCMetadata

    init(_ headers: HPACKHeaders, methods: [String: GRPCMethod]) throws(Refusal) {
        guard Self.isGRPC(headers.first(name: "content-type")) else { throw .http(status: 415) }
        guard headers.first(name: ":method") == "POST" else { throw .http(status: 405) }
        let path = headers.first(name: ":path") ?? ""
        guard let method = methods[path] else {
            throw .status(GRPCStatus(.unimplemented, "unknown method \(Self.excerpt(path))"), acceptEncoding: false)
        }
        let encodingName = headers.first(name: "grpc-encoding")
        guard let encoding = try? ContentEncoding(header: encodingName) else {
            let message = "grpc-encoding \"\(Self.excerpt(encodingName ?? ""))\" is not supported"
            throw .status(GRPCStatus(.unimplemented, message), acceptEncoding: true)
        }
        if let text = headers.first(name: "grpc-timeout") {
            guard let timeout = Self.timeout(text) else {
                throw .status(
                    GRPCStatus(
                        .internal,
                        "grpc-timeout \"\(Self.excerpt(text))\", expected up to 8 digits and one of HMSmun"),
                    acceptEncoding: false)
            }
            self.timeout = timeout
        } else {
            timeout = nil
        }
        self.method = method
        self.encoding = encoding
        metadata = GRPCMetadata(headers: headers)
    }

    /// What a status message repeats of a header field: 200 characters, since clients limit what they read back.
    private static func excerpt(_ text: String) -> Substring { text.prefix(200) }

    /// `application/grpc`, alone or followed by `+proto` and the like or by parameters.
    private static func isGRPC(_ contentType: String?) -> Bool {
        let name = "application/grpc"
        guard let contentType = contentType?.lowercased(), contentType.hasPrefix(name) else { return false }
        return [nil, "+", ";", " "].contains(contentType.dropFirst(name.count).first)
    }

    /// Reads `grpc-timeout`; nil if it is malformed.
    static func timeout(_ text: String) -> Duration? {
        let digits = text.utf8.dropLast()
        guard (1...8).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let value = digits.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        switch text.utf8.last {
        case UInt8(ascii: "H"): return .seconds(value * 3_600)
        case UInt8(ascii: "M"): return .seconds(value * 60)
        case UInt8(ascii: "S"): return .seconds(value)
        case UInt8(ascii: "m"): return .milliseconds(value)
        case UInt8(ascii: "u"): return .microseconds(value)
        case UInt8(ascii: "n"): return .nanoseconds(value)
        default: return nil
        }
    }
}

/// The header blocks a server sends.
enum GRPCHeaders {
    static let response: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
    static let okTrailers: HPACKHeaders = ["grpc-status": "0"]

    static func trailers(_ status: GRPCStatus) -> HPACKHeaders {
        var headers: HPACKHeaders = ["grpc-status": "\(status.code.rawValue)"]
        if !status.message.isEmpty { headers.add(name: "grpc-message", value: percentEncode(status.message)) }
        if let details = status.details {
            headers.add(name: "grpc-status-details-bin", value: base64(details))
        }
        return headers
    }

    /// An answer that is nothing but its status ("Trailers-Only").
    static func trailersOnly(_ status: GRPCStatus, acceptEncoding: Bool = false) -> HPACKHeaders {
        var headers = response
        headers.add(contentsOf: trailers(status))
        if acceptEncoding {
            headers.add(name: "grpc-accept-encoding", value: GRPCCallHead.acceptEncoding)
        }
        return headers
    }

    /// `grpc-message` keeps printable ASCII but the percent sign, and encodes the bytes of the rest.
    static func percentEncode(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if (0x20...0x7e).contains(byte), byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Base64 without padding, as binary header values are sent.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count * 4 + 2) / 3)
        var start = 0
        while start < bytes.count {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0...group.count { result.append(alphabet[bits >> (18 - 6 * index) & 63]) }
            start += 3
        }
        return String(decoding: result, as: UTF8.self)
    }
}
