import ArgumentParser
import Foundation

/// Checks a configuration, or shows what it comes to.
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check a configuration file, or print the effective configuration.",
        subcommands: [Check.self, Print.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file; every mistake is named with file, line and key (exit status 2).")

        @Argument(help: "The file.")
        var file: String

        func run() throws {
            let configuration = try SkeinConfiguration(
                file: file, settings: [], environment: ProcessInfo.processInfo.environment)
            for warning in configuration.warnings { Terminal.message("warning: \(warning)") }
            Terminal.message("\(file) is valid")
        }
    }

    struct Print: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the effective configuration, defaults included, with secrets masked.")

        @OptionGroup var options: ConfigurationOptions

        func run() throws {
            let configuration = try options.read()
            Terminal.output(EffectiveConfiguration(configuration).yaml)
        }
    }
}

/// The options that say what a collector is configured with.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .customLong("config"), help: "A configuration file (YAML). Without one every value is its default.")
    var file: String?

    @Option(
        name: .customLong("data-dir"),
        help: "Where the collector keeps its data; the same as --set storage.directory=DIR.")
    var dataDirectory: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: "Set one value, such as ports.offset=100. May be given several times; wins over the file.")
    var settings: [String] = []

    func read() throws(CommandFailure) -> SkeinConfiguration {
        try Self.read(file: file, dataDirectory: dataDirectory, settings: settings)
    }

    static func read(
        file: String?, dataDirectory: String?, settings: [String]
    ) throws(CommandFailure) -> SkeinConfiguration {
        var settings = settings
        if let dataDirectory { settings.append("storage.directory=\(YAMLScalar.text(dataDirectory))") }
        return try SkeinConfiguration(
            file: file, settings: settings, environment: ProcessInfo.processInfo.environment)
    }
}
