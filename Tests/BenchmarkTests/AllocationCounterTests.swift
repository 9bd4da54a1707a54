import Testing

@Suite struct AllocationCounterTests {
    /// The counter lives in the benchmarks' executable alone, so that is what proves it.
    @Test func knownNumbersOfAllocationsAreCountedExactly() throws {
        let outcome = try BuiltExecutable("skein-bench").run(["--self-check"])
        #expect(outcome.status == 0, "\(outcome.messages)")
        #expect(outcome.output == "allocations are counted exactly\n")
    }

    @Test func unknownPartIsWrongUsage() throws {
        let outcome = try BuiltExecutable("skein-bench").run(["nonsense"])
        #expect(outcome.status == 2)
        #expect(outcome.messages.hasPrefix("usage: "))
    }
}
