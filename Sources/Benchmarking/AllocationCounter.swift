package import CAllocationCounter

/// Counts allocations of the whole process, all threads together.
package enum AllocationCounter {
    /// What `body` allocates.
    package static func count(_ body: () throws -> Void) rethrows -> skein_allocations {
        skein_allocations_start()
        do {
            try body()
        } catch {
            _ = skein_allocations_stop()
            throw error
        }
        return skein_allocations_stop()
    }

    /// Why the counter cannot be trusted; nil when it counts known numbers of allocations exactly.
    package static func selfCheckFailure() -> String? {
        guard skein_allocations_are_counted() else { return "allocations are not counted on this platform" }
        let known: UInt32 = 1_000
        let fromC = count { skein_allocations_make_known(known) }
        let expected = skein_allocations(allocations: 6_000, allocated_bytes: 384_000, frees: 5_000)
        guard isEqual(fromC, expected) else { return "C: counted \(fromC), expected \(expected)" }
        let silence = count { keep(silent(1)) }
        guard silence.allocations == 0, silence.frees == 0 else { return "nothing: counted \(silence), expected 0" }
        // The runtime allocates on its own when it first meets a type.
        _ = (arrays(1), objects(1))
        let expectedMade = (allocations: UInt64(1_000), frees: UInt64(0))
        for (what, counts) in [("arrays", arrays(1_000)), ("objects", objects(1_000))] {
            guard (counts.made.allocations, counts.made.frees) == expectedMade, counts.made.allocated_bytes > 16_000
            else { return "Swift \(what): counted \(counts.made), expected 1000 allocations and no free" }
            guard (counts.freed.frees, counts.freed.allocations) == expectedMade else {
                return "Swift \(what): counted \(counts.freed), expected 1000 frees and no allocation"
            }
        }
        return nil
    }

    private static func isEqual(_ a: skein_allocations, _ b: skein_allocations) -> Bool {
        a.allocations == b.allocations && a.allocated_bytes == b.allocated_bytes && a.frees == b.frees
    }

    /// What making and freeing so many arrays of 800 bytes counts as.
    private static func arrays(_ number: Int) -> (made: skein_allocations, freed: skein_allocations) {
        var arrays: [[UInt64]] = []
        arrays.reserveCapacity(number)
        let made = count {
            for index in 0..<number { arrays.append([UInt64](repeating: UInt64(index), count: 100)) }
        }
        keep(arrays.reduce(0) { $0 + $1[99] })
        return (made, count { arrays.removeAll(keepingCapacity: true) })
    }

    private final class Object {
        let number: Int

        init(_ number: Int) { self.number = number }
    }

    /// The same for objects, which the Swift runtime allocates, in another library.
    private static func objects(_ number: Int) -> (made: skein_allocations, freed: skein_allocations) {
        var objects: [Object] = []
        objects.reserveCapacity(number)
        let made = count {
            for index in 0..<number { objects.append(Object(index)) }
        }
        keep(objects.reduce(0) { $0 + $1.number })
        return (made, count { objects.removeAll(keepingCapacity: true) })
    }

    @inline(never)
    private static func silent(_ number: Int) -> Int { number &+ 1 }
}

/// Uses a value, so that the work which made it cannot be left out.
@inline(never)
@_optimize(none)
package func keep<Value>(_ value: Value) {}
