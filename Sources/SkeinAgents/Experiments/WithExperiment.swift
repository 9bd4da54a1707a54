import SemanticConventions

/// Runs `operation` with the unit's variant of an experiment. All spans below say it in an attribute
/// `skein.experiment.{name}` (on other tracers than Skein's those of this module), also those in other processes that
/// the request reaches; experiments may stand inside one another.
///
/// ```swift
/// try await withExperiment(tone, unit: userID) { variant in
///     try await answer(question, isWarm: variant == "warm")
/// }
/// ```
/// The names of experiment and variant go into baggage, which **leaves the process** with every outgoing request; the
/// unit does not.
/// - Throws: what `operation` throws.
public func withExperiment<Result>(
    _ experiment: Experiment, unit: String, isolation: isolated (any Actor)? = #isolation,
    _ operation: (_ variant: String) async throws -> Result
) async rethrows -> Result {
    let variant = experiment.variant(for: unit).name
    return try await withBaggage(isolation: isolation) { baggage in
        baggage[SkeinAttributes.experimentPrefix + experiment.name] = variant
    } _: {
        try await operation(variant)
    }
}
