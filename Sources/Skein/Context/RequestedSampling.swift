import ServiceContextModule

/// A sampling decision that came in without a span: it holds for the trace that is started next. B3 and Jaeger know
/// such a thing, W3C Trace Context does not.
enum RequestedSampling: Sendable {
    /// The trace is not to be recorded.
    case notSampled
    /// The trace is to be recorded.
    case sampled
    /// The trace is to be recorded whatever other rules say; the wish travels on.
    case debug
}

private enum RequestedSamplingKey: ServiceContextKey {
    typealias Value = RequestedSampling
    static var nameOverride: String? { "skein-requested-sampling" }
}

extension ServiceContext {
    /// Looked at only where there is no span.
    var requestedSampling: RequestedSampling? {
        get { self[RequestedSamplingKey.self] }
        set { self[RequestedSamplingKey.self] = newValue }
    }
}
