import ServiceContextModule

/// A format of one's own in which context travels between processes, as named texts (headers).
///
/// ```swift
/// struct TenantPropagator: TextMapPropagator {
///     let name = "tenant"
///
///     func extract(into context: inout ServiceContext, header: (String) -> String?) {
///         if let tenant = header("x-tenant") { context.tenant = tenant }
///     }
///
///     func inject(_ context: ServiceContext, setHeader: (String, String) -> Void) {
///         if let tenant = context.tenant { setHeader("x-tenant", tenant) }
///     }
/// }
///
/// configuration.propagators.append(.custom(TenantPropagator()))
/// ```
///
/// Called on the caller's thread for every request that comes in or goes out: must be quick, and must take any text
/// without trapping, because headers come from outside.
public protocol TextMapPropagator: Sendable {
    /// What the format is called. Two propagators of the same name count as equal.
    var name: String { get }

    /// Reads headers into `context`.
    ///
    /// Where nothing is found, or nothing that is valid, `context` must stay as it is: an earlier format may have found
    /// something.
    ///
    /// - Parameter header: the value of a header; nil where there is none. Several headers of one name come as one text,
    ///   joined by commas, where the carrier does that.
    func extract(into context: inout ServiceContext, header: (_ name: String) -> String?)

    /// Writes `context` into headers; writes nothing where there is nothing to say.
    ///
    /// - Parameter setHeader: sets one header, replacing one of that name. Write names in lower case: HTTP/2 allows no
    ///   other.
    func inject(_ context: ServiceContext, setHeader: (_ name: String, _ value: String) -> Void)
}
