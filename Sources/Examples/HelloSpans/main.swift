// Two spans, one below the other: what every traced program begins with.
//
//     swift run HelloSpans
//     OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 swift run HelloSpans

import Skein
import Tracing

let telemetry = try SkeinTracing.bootstrap(serviceName: "hello-spans") { configuration in
    // Where the environment does not say where spans go, they are printed.
    if !configuration.isDestinationInEnvironment { configuration.exporters = [.console] }
}

struct EmptyNameError: Error {}

func greeting(of name: String) throws -> String {
    try withSpan("greeting") { span in
        span.attributes["name.length"] = name.count
        // An error that leaves a span is recorded on it.
        guard !name.isEmpty else { throw EmptyNameError() }
        return "Hello, \(name)!"
    }
}

withSpan("greet") { span in
    for name in ["Ada", ""] {
        do {
            print(try greeting(of: name))
        } catch {
            span.addEvent("nobody to greet")
        }
    }
}

// Sends what is queued.
await telemetry.shutdown()
