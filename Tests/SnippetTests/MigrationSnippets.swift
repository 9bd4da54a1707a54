import Skein
import Tracing

private struct Printing {
    func answer(_ question: String) async throws -> String {
        let start = ContinuousClock.now
        print("answering '\(question)'")
        let papers = try await search(question)
        print("found \(papers.utf8.count) bytes after \(start.duration(to: .now))")
        do {
            return try await summarize(papers)
        } catch {
            print("cannot summarize: \(error)")
            throw error
        }
    }
}

private struct Traced {
    func answer(_ question: String) async throws -> String {
        try await withSpan("answer") { span in
            span.record("question.length", question.count)
            let papers = try await withSpan("search") { span in
                let papers = try await search(question)
                span.record("result.bytes", papers.utf8.count)
                return papers
            }
            return try await withSpan("summarize") { _ in try await summarize(papers) }
        }
    }
}

private func printing() async throws {
    let telemetry = try SkeinTracing.bootstrap(serviceName: "gateway") { configuration in
        configuration.exporters = [.console]
        configuration.batch.scheduleDelay = .milliseconds(100)
    }
    await telemetry.shutdown()
}
