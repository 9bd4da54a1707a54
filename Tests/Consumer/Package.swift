// swift-tools-version: 6.2
import PackageDescription

// A service as its users write it: it depends on Skein by URL and without the collector's trait. The test that builds
// it, ConsumerPackageTests, says where the repository is.
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: Context.environment["SKEIN_REPOSITORY"] ?? "file:///", exact: "999.0.0", traits: [])
    ],
    targets: [
        .executableTarget(
            name: "Consumer",
            dependencies: [
                .product(name: "Skein", package: "skein"),
                .product(name: "SkeinAgents", package: "skein"),
            ])
    ]
)
