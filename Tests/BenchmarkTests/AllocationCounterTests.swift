import Testing

@Suite struct AllocationCounterTests {
    /// The counter lives in the benchmarks' executable alone, so that is what proves it.
    @Test func knownNumbersOfAllocationsAreCountedExactly() throws {
        let outcome = try BuiltExecutable("skein-bench").run(["--self-check"])
        #expect(outcome.status == 0, "\(outcome.messages)")
        #expect(outcome.output == "allocations are counted exactly\n")
    }

    @Test(arguments: ["skein-bench", "skein-bench-ingest"]) func unknownPartIsWrongUsage(_ name: String) throws {
        let outcome = try BuiltExecutable(name).run(["nonsense"])
        #expect(outcome.status == 2)
        #expect(outcome.messages.hasPrefix("usage: "))
    }
}
