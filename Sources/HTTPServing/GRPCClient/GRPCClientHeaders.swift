import NIOHPACK
import NIOHTTP2

/// The header blocks a client sends, and what those of a server say.
enum GRPCClientHeaders {
    static func request(
        path: String, authority: String, encoding: ContentEncoding, timeout: Duration
    ) -> HPACKHeaders {
        var headers: HPACKHeaders = [
            ":method": "POST", ":scheme": "http", ":path": path, ":authority": authority, "te": "trailers",
            "content-type": "application/grpc", "grpc-timeout": text(timeout), "user-agent": "skein",
        ]
        if encoding != .identity { headers.add(name: "grpc-encoding", value: encoding.rawValue) }
        return headers
    }

    /// `grpc-timeout`: at most 8 digits and a unit, in the finest unit that holds it, rounded up.
    static func text(_ timeout: Duration) -> String {
        let (seconds, attoseconds) = max(timeout, .zero).components
        // A year is for ever.
        let nanoseconds = min(seconds, 365 * 86_400) * 1_000_000_000 + attoseconds / 1_000_000_000
        let units: [(name: String, nanoseconds: Int64)] = [
            ("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000),
        ]
        for unit in units {
            let count = (nanoseconds + unit.nanoseconds - 1) / unit.nanoseconds
            if count < 100_000_000 { return "\(count)\(unit.name)" }
        }
        return "99999999S"
    }

    /// The status in trailers; UNKNOWN where there is none or it is no number of gRPC's.
    static func status(_ headers: HPACKHeaders) -> GRPCStatus {
        let text = headers.first(name: "grpc-status") ?? ""
        let message = percentDecode(headers.first(name: "grpc-message") ?? "")
        guard let code = Int(text).flatMap(GRPCStatusCode.init(rawValue:)) else {
            return GRPCStatus(.unknown, "grpc-status \"\(text.prefix(20))\", expected 0 to 16")
        }
        return GRPCStatus(code, message, details: headers.first(name: "grpc-status-details-bin").flatMap(base64Decode))
    }

    /// What an answer that is not gRPC means (grpc/doc/http-grpc-status-mapping.md).
    static func status(http status: String) -> GRPCStatus {
        let code: GRPCStatusCode =
            switch status {
            case "400": .internal
            case "401": .unauthenticated
            case "403": .permissionDenied
            case "404": .unimplemented
            case "429", "502", "503", "504": .unavailable
            default: .unknown
            }
        return GRPCStatus(code, "the answer is no gRPC, HTTP status \(status.prefix(20))")
    }

    /// What the end of a stream without a status means (grpc/doc/PROTOCOL-HTTP2.md, "Errors").
    static func status(reset reason: HTTP2ErrorCode?) -> GRPCStatus {
        let code: GRPCStatusCode =
            switch reason {
            case .refusedStream?: .unavailable
            case .cancel?: .cancelled
            case .enhanceYourCalm?: .resourceExhausted
            case .inadequateSecurity?: .permissionDenied
            default: .internal
            }
        return GRPCStatus(code, "the stream was closed\(reason.map { ": \($0)" } ?? "")")
    }

    /// The reverse of `GRPCHeaders.percentEncode`; what is no escape stays as it is.
    static func percentDecode(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        let input = Array(text.utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < input.count {
            if input[index] == UInt8(ascii: "%"), index + 2 < input.count, let high = hexValue(input[index + 1]),
                let low = hexValue(input[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(input[index])
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Base64 with or without padding; nil for anything else.
    static func base64Decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") { break }
            guard let value = base64Value(byte) else { return nil }
            bits = bits << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
            }
        }
        return bytes
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func base64Value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
