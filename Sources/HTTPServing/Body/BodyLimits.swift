/// Limits of request bodies.
package enum BodyLimits {
    /// Bytes of one body, on the wire and again after decompression: 20 MiB, what the OpenTelemetry Collector
    /// takes by default. Past it the request is refused with `BodyError.tooLarge`.
    package static let maxBodyBytes = 20 << 20

    /// Bytes set aside on the word of a `Content-Length` alone: 1 MiB, a batch of 2,000 spans. Larger bodies
    /// grow as their bytes arrive, so that a header alone cannot take memory.
    static let maxTrustedLengthBytes = 1 << 20

    /// How long a body may take from its first byte to its last: 60 s, six times what exporters wait for an answer.
    /// Whoever sends a byte now and then would otherwise hold memory for ever. Past it the request is refused with
    /// `BodyError.tooSlow`; a client that sends nothing at all runs into `HTTPLimits.idleTimeout`.
    package static let readTimeout = Duration.seconds(60)
}
