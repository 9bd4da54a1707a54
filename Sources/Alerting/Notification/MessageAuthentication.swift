import CCrypto

/// HMAC-SHA256 (RFC 2104) in hexadecimal digits.
package enum MessageAuthentication {
    /// - Returns: 64 lower-case digits.
    package static func code(of message: [UInt8], key: [UInt8]) -> String {
        var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        let made = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &code, &count)
        // Fails for want of memory, or in an OpenSSL without SHA-256.
        precondition(made != nil, "OpenSSL has no HMAC-SHA256")
        return code.prefix(Int(count)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
