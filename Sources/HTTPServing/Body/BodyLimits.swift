/// Limits of request bodies.
package enum BodyLimits {
    /// Bytes of one body, on the wire and again after decompression: 20 MiB, what the OpenTelemetry Collector
    /// takes by default. Past it the request is refused with `BodyError.tooLarge`.
    package static let maxBodyBytes = 20 << 20

    /// Bytes set aside on the word of a `Content-Length` alone: 1 MiB, a batch of 2,000 spans. Larger bodies
    /// grow as their bytes arrive, so that a header alone cannot take memory.
    static let maxTrustedLengthBytes = 1 << 20
}
