import ContextBaggage
import ServiceContextModule

/// Runs `operation` on behalf of whom is given: all spans below it say so (on other tracers than Skein's those of
/// this module), also those in other
/// processes that the request reaches.
///
/// ```swift
/// try await withAttribution(Attribution(user: "u-17", department: "research")) {
///     try await withAgent("planner") { _ in try await plan() }
/// }
/// ```
/// The names and values go into baggage, which **leaves the process** with every outgoing request; see ``Attribution``.
/// - Throws: what `operation` throws.
public func withAttribution<Result>(
    _ attribution: Attribution, isolation: isolated (any Actor)? = #isolation,
    _ operation: () async throws -> Result
) async rethrows -> Result {
    try await withBaggage(isolation: isolation, change: attribution.add, operation)
}

/// Runs `operation` on behalf of whom is given; see ``withAttribution(_:isolation:_:)``.
public func withAttribution<Result>(
    user: String? = nil, department: String? = nil, application: String? = nil, tenant: String? = nil,
    environment: String? = nil, conversation: String? = nil, isolation: isolated (any Actor)? = #isolation,
    _ operation: () async throws -> Result
) async rethrows -> Result {
    let attribution = Attribution(
        user: user, department: department, application: application, tenant: tenant, environment: environment,
        conversation: conversation)
    return try await withAttribution(attribution, isolation: isolation, operation)
}

/// Runs `operation` with other baggage than there is around it.
func withBaggage<Result>(
    isolation: isolated (any Actor)?, change: (inout Baggage) -> Void, _ operation: () async throws -> Result
) async rethrows -> Result {
    var context = ServiceContext.current ?? .topLevel
    var baggage = context.baggage ?? Baggage()
    change(&baggage)
    context.baggage = baggage
    return try await ServiceContext.$current.withValue(context) { try await operation() }
}
