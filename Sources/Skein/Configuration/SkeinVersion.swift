/// The version of the SDK, as it tells receivers.
enum SkeinVersion {
    static let current = "0.1.0"
    static let userAgent = "Skein/\(current) OTel-OTLP-Exporter-Swift/\(current)"
}
