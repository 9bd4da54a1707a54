import Glibc

/// `skein-simulate [SECONDS [SEED]]`: lives of a machine one after the other, each with a seed of its own.
///
/// With a seed every life has the seed that follows, so that the first one repeats a life that failed.
let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
guard arguments.count == CommandLine.arguments.count - 1, arguments.count <= 2 else {
    print("usage: skein-simulate [SECONDS [SEED]]")
    exit(2)
}
let seconds = arguments.first ?? 60
let firstSeed = arguments.count == 2 ? arguments[1] : UInt64.random(in: 0...999_999_999)
let clock = ContinuousClock()
let end = clock.now + .seconds(Int(seconds))
var total = Simulation.Counts()
var seed = firstSeed
print("seeds from \(firstSeed)")
repeat {
    var simulation = Simulation(seed: seed)
    do {
        try await simulation.run()
    } catch {
        print("FAILED after \(total.lives) lives\n\(error)\nagain: make simulate SECONDS=1 SEED=\(seed)")
        exit(1)
    }
    total += simulation.counts
    seed += 1
} while clock.now < end
print(
    """
    \(total.lives) lives, \(total.steps) steps, \(total.restarts) starts, \(total.powerLosses) losses of power, \
    \(total.faults) faults, \(total.merges) merges
    \(total.requests) requests sent, \(total.acknowledged) acknowledged, \(total.refused) refused, \(total.spans) spans, \
    \(total.queries) comparisons: nothing lost, nothing doubled
    """)
