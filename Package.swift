// swift-tools-version: 6.2
import PackageDescription

// The trait that pulls in what only the collector needs. A service that uses the SDK alone
// depends on this package with `traits: []`; docs/adr/0002-sdk-without-the-collector.md says why.
let collector: TargetDependencyCondition? = .when(traits: ["Collector"])

let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A Swift target of this package with the settings that all of them share.
func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil, exclude: [String] = []
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: swiftSettings)
}

func executable(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let instrumentation = Target.Dependency.product(name: "Instrumentation", package: "swift-distributed-tracing")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let serviceContext = Target.Dependency.product(name: "ServiceContextModule", package: "swift-service-context")

let arguments = Target.Dependency.product(
    name: "ArgumentParser", package: "swift-argument-parser", condition: collector)
let yams = Target.Dependency.product(name: "Yams", package: "Yams", condition: collector)
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird", condition: collector)
let hummingbirdCore = Target.Dependency.product(
    name: "HummingbirdCore", package: "hummingbird", condition: collector)
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio", condition: collector)
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio", condition: collector)
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio", condition: collector)
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2", condition: collector)
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2", condition: collector)

/// With `SKEIN_FUZZ=1` there is `skein-fuzz`, which links libFuzzer; and files have no checksums, which would keep a
/// fuzzer from all that lies behind them.
let isFuzzing = Context.environment["SKEIN_FUZZ"] == "1"

// MARK: the SDK; nothing in this part may depend on what is in the next

let sdk: [Target] = [
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    module("SemanticConventions", [tracing]),
    module("OTLP"),
    module("ContextBaggage", ["OTLP", serviceContext]),
    module("CurlTransport", ["CCurl", "CZlib"]),
    module(
        "Skein",
        [
            "OTLP", "CurlTransport", "SemanticConventions", "ContextBaggage", tracing, instrumentation, serviceContext,
            logging, metrics, lifecycle,
        ]),
    module("SkeinAgents", ["OTLP", "SemanticConventions", "ContextBaggage", tracing, serviceContext]),
    module("SkeinTesting", ["Skein", "OTLP"]),

    module("TestSink", ["CurlTransport", "CZlib"], path: "Tests/TestSink"),
    executable("sdk-scenarios", ["Skein", tracing, logging], path: "Tests/SDKScenarios"),
    tests("CurlTransportTests", ["CurlTransport", "TestSink"]),
    tests(
        "SkeinTests",
        [
            "Skein", "SkeinTesting", "CurlTransport", "OTLP", "TestSink", "sdk-scenarios", tracing, logging, metrics,
            lifecycle,
        ]),
    tests("SkeinAgentsTests", ["SkeinAgents", "Skein", "SkeinTesting", tracing, serviceContext]),
    tests("SnippetTests", ["Skein", "SkeinAgents", "SkeinTesting", tracing, logging, lifecycle]),
]

// MARK: storage, queries and what measures them; they need no package that the SDK does not

let storage: [Target] = [
    .target(name: "CPlatform"),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CSnappy", pkgConfig: "snappy", providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .target(name: "CChecksum", cSettings: isFuzzing ? [.define("SKEIN_FUZZING")] : []),
    .target(name: "CSkeinProto", dependencies: ["CProtobufC"]),
    module("AgentTraffic", ["OTLP"]),
    module("TraceStorage", ["OTLP"]),
    module("Journal", ["TraceStorage", "OTLP", "CXXHash", "CChecksum"]),
    module("EmbeddedStore", ["TraceStorage", "OTLP", "CZstd", "CChecksum"]),
    module("TraceQL", ["TraceStorage", "OTLP"]),
    module(
        "SpanMetrics",
        ["OTLP", "SemanticConventions", "TraceStorage", "CChecksum", "CPlatform", "CSnappy", "CZstd"]),
    module(
        "Alerting",
        [
            "SpanMetrics", "TraceStorage", "CurlTransport", "OTLP", "CCurl", "CChecksum", "CCrypto",
        ]),
    module("Insight", ["TraceStorage", "TraceQL", "OTLP", "SemanticConventions"]),
    .target(name: "CAllocationCounter"),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    module("Benchmarking", ["CAllocationCounter", "AgentTraffic", "OTLP", "CSkeinProto", "CZstd"]),
    executable(
        "skein-bench",
        [
            "Benchmarking", "AgentTraffic", "OTLP", "CSkeinProto", "CZstd", "CSQLite", "Journal", "EmbeddedStore",
            "TraceStorage", "TraceQL", "SpanMetrics", "Skein", "SemanticConventions", "CurlTransport", tracing,
        ],
        path: "Sources/Benchmarks"),

    tests("ArchitectureTests", []),
    tests("ProtoTests", ["CSkeinProto", "OTLP"]),
    module("OTLPTestSupport", ["OTLP", "AgentTraffic", "CSkeinProto"], path: "Tests/OTLPTestSupport"),
    tests("OTLPTests", ["OTLP", "OTLPTestSupport", "AgentTraffic"], exclude: ["Golden"]),
    module("TraceFixtures", ["OTLP", "TraceStorage"], path: "Tests/TraceFixtures"),
    tests(
        "SpanMetricsTests",
        ["SpanMetrics", "TraceStorage", "EmbeddedStore", "OTLP", "TraceFixtures", "FileFaults", "CSnappy"]),
    tests(
        "AlertingTests",
        [
            "Alerting", "SpanMetrics", "TraceStorage", "OTLP", "CurlTransport", "TraceFixtures", "FileFaults",
            "TestSink",
        ]),
    tests("InsightTests", ["Insight", "TraceStorage", "OTLP", "TraceFixtures"]),
    executable("journal-crash-writer", ["Journal", "OTLP", "TraceStorage"], path: "Tests/JournalCrashWriter"),
    module("FileFaults", ["TraceStorage"], path: "Tests/FileFaults"),
    module(
        "FuzzTargets",
        [
            "OTLP", "AgentTraffic", "TraceStorage", "Journal", "EmbeddedStore", "OTLPTestSupport", "FileFaults",
            "TraceStorageConformance",
        ],
        path: "Tests/Fuzz/Targets"),
    tests("FuzzTests", ["FuzzTargets"]),
    executable(
        "skein-simulate",
        ["Journal", "EmbeddedStore", "TraceStorage", "OTLP", "FileFaults", "TraceStorageConformance"],
        path: "Tests/Simulation"),
    tests(
        "JournalTests", ["Journal", "OTLP", "TraceStorage", "FileFaults", "journal-crash-writer"], exclude: ["Golden"]),
    module(
        "TraceStorageConformance", ["TraceStorage", "OTLP"], path: "Tests/TraceStorageConformance"),
    .testTarget(
        name: "EmbeddedStoreTests",
        dependencies: [
            "EmbeddedStore", "TraceStorageConformance", "FileFaults", "TraceStorage", "OTLP", "CChecksum", "CZstd",
        ],
        exclude: ["Golden"], swiftSettings: swiftSettings),
]

// MARK: the collector and the examples

let servers: [Target] = [
    .systemLibrary(name: "CIsal", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
    module(
        "HTTPServing",
        [
            "CIsal", "CZstd", "CZlib", hummingbird, hummingbirdCore, nioCore, nioPosix, nioHTTP1, nioHTTP2,
            nioHPACK, logging,
        ]),
    module(
        "Collector",
        [
            "OTLP", "SemanticConventions", "TraceStorage", "Journal", "EmbeddedStore", "SpanMetrics", "HTTPServing",
            "Alerting", "CurlTransport", "CSkeinProto", "CIsal", "CPlatform", yams, logging, lifecycle, hummingbird,
        ],
        exclude: [
            "Alerts/README.md", "Derivation/README.md", "Exporters/Metrics/README.md", "Exporters/OTLPHTTP/README.md",
            "Processors/MemoryLimiter/README.md", "Receivers/OTLP/README.md", "Storage/README.md",
            "Telemetry/README.md",
        ]),
    module(
        "QueryAPI",
        [
            "OTLP", "SemanticConventions", "TraceStorage", "TraceQL", "Insight", "SpanMetrics", "Alerting",
            "HTTPServing", hummingbird, nioCore, nioPosix, logging,
        ]),
    module(
        "SkeinCommands",
        [
            "Collector", "QueryAPI", "Alerting", "HTTPServing", "EmbeddedStore", "TraceStorage", "SpanMetrics", "OTLP",
            "CurlTransport", "SemanticConventions", "AgentTraffic", "CPlatform", arguments, logging, lifecycle,
        ]),
    executable("SkeinMain", ["CPlatform", "SkeinCommands"]),
    executable(
        "skein-bench-ingest",
        ["Benchmarking", "Collector", "CurlTransport", "HTTPServing", "Journal", "OTLP", "AgentTraffic", logging],
        path: "Sources/IngestBenchmarks"),
    executable(
        "ResearchDesk", ["Skein", "SkeinAgents", arguments, hummingbird, logging, lifecycle, tracing],
        path: "Sources/Examples/ResearchDesk"),
    executable(
        "TraceContextEcho", ["Skein", arguments, hummingbird, tracing], path: "Sources/Examples/TraceContextEcho"),
    executable("HelloSpans", ["Skein", tracing], path: "Sources/Examples/HelloSpans"),
    executable("AgentLoop", ["Skein", "SkeinAgents"], path: "Sources/Examples/AgentLoop"),
    executable("StreamingCall", ["Skein", "SkeinAgents"], path: "Sources/Examples/StreamingCall"),
    executable("CommandLineTool", ["Skein", tracing], path: "Sources/Examples/CommandLineTool"),
    executable("CustomSampler", ["Skein", tracing], path: "Sources/Examples/CustomSampler"),
    executable(
        "ServiceLifecycleApp", ["Skein", tracing, logging, lifecycle], path: "Sources/Examples/ServiceLifecycleApp"),

    tests("CollectorTests", ["Collector", "Alerting", "OTLP", "Journal", "TestSink"]),
    tests(
        "SkeinCommandsTests",
        ["SkeinCommands", "SkeinMain", "Collector", "QueryAPI", "SpanMetrics", "HTTPServing", "OTLP", logging]),
    tests(
        "HTTPServingTests",
        [
            "HTTPServing", "CIsal", "CZstd", "CZlib", hummingbird, nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK,
            logging,
        ]),
    tests(
        "ExampleTests",
        [
            "ResearchDesk", "TraceContextEcho", "HelloSpans", "AgentLoop", "StreamingCall", "CommandLineTool",
            "CustomSampler", "ServiceLifecycleApp", "Skein", "SkeinTesting", "CurlTransport", "TestSink",
        ]),
    tests(
        "BenchmarkTests", ["skein-bench", "skein-bench-ingest", "SkeinMain", "TestSink", "CurlTransport", "OTLP"]),
    .testTarget(
        name: "TraceQLTests", dependencies: ["TraceQL", "TraceStorage", "OTLP", "TraceFixtures", yams],
        exclude: ["Corpus"], swiftSettings: swiftSettings),
    tests(
        "QueryAPITests",
        [
            "QueryAPI", "OTLP", "TraceStorage", "TraceQL", "Insight", "SpanMetrics", "HTTPServing", "TraceFixtures",
            "CZlib", hummingbird, nioCore, nioPosix, nioHTTP1, logging,
        ]),
]

/// With `SKEIN_SDK_ONLY=1` the package is the SDK and its tests alone, which build in a fraction of the time: for work
/// on it and for its runs under sanitizers.
let isSDKOnly = Context.environment["SKEIN_SDK_ONLY"] == "1"

/// With `SKEIN_STORE_ONLY=1` the package is without servers and examples and without the SDK's tests: for work on
/// journal, store and queries, and for their runs under sanitizers and fuzzers.
let isStoreOnly = Context.environment["SKEIN_STORE_ONLY"] == "1"
let isWithoutServers = isSDKOnly || isStoreOnly

let fuzzing: [Target] = [
    .target(name: "LibFuzzer", path: "Tests/Fuzz/LibFuzzer"),
    executable("skein-fuzz", ["FuzzTargets", "LibFuzzer"], path: "Tests/Fuzz/Driver"),
]

let libraries: [Product] = [
    .library(name: "Skein", targets: ["Skein"]),
    .library(name: "SkeinAgents", targets: ["SkeinAgents"]),
    .library(name: "SkeinTesting", targets: ["SkeinTesting"]),
]

let executables: [Product] = [
    .executable(name: "skein", targets: ["SkeinMain"]),
    .executable(name: "research-desk", targets: ["ResearchDesk"]),
    .executable(name: "trace-context-echo", targets: ["TraceContextEcho"]),
]

let sdkPackages: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
    .package(url: "https://github.com/apple/swift-service-context.git", from: "1.5.1"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
]

let collectorPackages: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
]

let package = Package(
    name: "skein",
    platforms: [.macOS(.v15)],
    products: libraries + (isWithoutServers ? [] : executables),
    traits: [
        .trait(name: "Collector", description: "Build the collector and its command-line tool."),
        .default(enabledTraits: ["Collector"]),
    ],
    dependencies: isWithoutServers ? sdkPackages : sdkPackages + collectorPackages,
    targets: isSDKOnly
        ? sdk
        : isStoreOnly ? sdk.filter { $0.type != .test } + storage + (isFuzzing ? fuzzing : []) : sdk + storage + servers
)
