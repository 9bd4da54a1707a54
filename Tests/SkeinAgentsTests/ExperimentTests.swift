import Skein
import SkeinAgents
import SkeinTesting
import Testing
import Tracing

@Suite struct ExperimentTests {
    private static let variants = [("control", 50), ("warm", 30), ("terse", 20)]

    /// Computed by another implementation of the documented hash; a difference would move people between variants.
    @Test(arguments: [
        ("", "control"), ("a", "control"), ("b", "control"), ("user-1", "terse"), ("user-2", "control"),
        ("user-3", "control"), ("user-4", "control"), ("user-5", "warm"), ("user-17", "terse"), ("42", "control"),
        ("ünï", "warm"), ("0f8fad5b-d9cb-469f-a165-70867728950e", "warm"),
    ])
    func assignmentsNeverChange(_ unit: String, _ expected: String) throws {
        let experiment = try Experiment("prompt-tone", variants: Self.variants)
        #expect(experiment.variant(for: unit).name == expected)
    }

    @Test func sharesFollowTheWeights() throws {
        let experiment = try Experiment("shares", variants: Self.variants)
        var counts: [String: Int] = [:]
        for unit in 0..<100_000 { counts[experiment.variant(for: "user-\(unit)").name, default: 0] += 1 }
        // Four standard deviations of a binomial distribution are at most 633.
        for (name, weight) in Self.variants { #expect(abs(counts[name, default: 0] - weight * 1_000) < 650, "\(name)") }
    }

    @Test func experimentsAssignIndependently() throws {
        let first = try Experiment("one", variants: [("a", 1), ("b", 1)])
        let second = try Experiment("two", variants: [("a", 1), ("b", 1)])
        let same = (0..<10_000).count { first.variant(for: "\($0)") == second.variant(for: "\($0)") }
        #expect(abs(same - 5_000) < 250)
    }

    @Test func aVariantWithoutWeightIsNeverChosen() throws {
        let experiment = try Experiment("x", variants: [("off", 0), ("on", 1), ("none", 0)])
        for unit in 0..<1_000 { #expect(experiment.variant(for: "\(unit)").name == "on") }
    }

    @Test(
        arguments: [
            ("", [("a", 1)], "name '', expected 1 to 64 of A-Z a-z 0-9 - _ ."),
            ("a b", [("a", 1)], "name 'a b', expected 1 to 64 of A-Z a-z 0-9 - _ ."),
            ("x", [], "0 variants, expected 1 to 64"), ("x", [("a", -1)], "weight -1, expected 0 to 1000000"),
            ("x", [("a", 0)], "all weights are 0, expected one above it"),
            ("x", [("a", 1), ("a", 1)], "two variants of one name, expected different ones"),
            ("x", [("ä", 1)], "variant 'ä', expected 1 to 64 of A-Z a-z 0-9 - _ ."),
        ] as [(String, [(String, Int)], String)])
    func mistakesAreNamed(_ name: String, _ variants: [(String, Int)], _ expected: String) {
        let error = #expect(throws: ExperimentError.self) { try Experiment(name, variants: variants) }
        #expect(error?.description == expected)
    }

    /// Spans of libraries and of the service itself too, not only this module's.
    @Test func plainSpansBelowSayTheirVariantAndOnWhoseBehalfTheyAre() async throws {
        let exporter = InMemorySpanExporter()
        let tracer = exporter.tracer()
        let tone = try Experiment("tone", variants: [("warm", 1)])
        await withAttribution(user: "u1", department: "research") {
            await withExperiment(tone, unit: "u1") { _ in
                tracer.withSpan("plain") { span in
                    tracer.withSpan("below", ofKind: .client) { $0.attributes["user.id"] = "mine" }
                }
            }
        }
        tracer.withSpan("outside") { _ in }
        #expect(
            try exporter.spans.only("plain").attributes == [
                "user.id": .string("u1"), "skein.attribution.department": .string("research"),
                "skein.experiment.tone": .string("warm"),
            ])
        let below = try exporter.spans.only("below").attributes
        #expect(below["user.id"] == .string("mine") && below["skein.experiment.tone"] == .string("warm"))
        #expect(try exporter.spans.only("outside").attributes.isEmpty)
    }

    /// Baggage comes from outside: what it may write onto spans is bounded in names, number and length.
    @Test func onlyNamesThatAreOursAreStampedAndNotTooMany() throws {
        let exporter = InMemorySpanExporter()
        var context = ServiceContext.topLevel
        var baggage = Baggage()
        baggage["session"] = "x"
        baggage["skein.experiment.a b"] = "x"
        baggage["skein.experiment."] = "x"
        baggage["user.id"] = String(repeating: "u", count: 300)
        for number in 0..<20 { baggage["skein.experiment.e\(number)"] = String(repeating: "v", count: 100) }
        context.baggage = baggage
        exporter.tracer().startSpan("s", context: context).end()
        let attributes = try exporter.spans.only("s").attributes
        #expect(attributes["user.id"] == .string(String(repeating: "u", count: 256)))
        #expect(attributes["skein.experiment.e15"] == .string(String(repeating: "v", count: 64)))
        #expect(attributes.count == 17)
    }

    @Test func everySpanBelowSaysItsVariantAlsoInNestedExperiments() async throws {
        let outer = try Experiment("tone", variants: [("warm", 1)])
        let inner = try Experiment("model", variants: [("large", 1)])
        let spans = await spansOnBothTracers { tracer in
            await withExperiment(outer, unit: "u1") { variant in
                #expect(variant == "warm")
                await withAgent("a", tracer: tracer) { _ in
                    await withExperiment(inner, unit: "u1") { _ in
                        await withTool("t", tracer: tracer) { _ in }
                    }
                }
            }
        }
        let tool = try spans.only("execute_tool t").attributes
        #expect(tool["skein.experiment.tone"] == .string("warm") && tool["skein.experiment.model"] == .string("large"))
        let agent = try spans.only("invoke_agent a").attributes
        #expect(agent["skein.experiment.tone"] == .string("warm") && agent["skein.experiment.model"] == nil)
    }
}
