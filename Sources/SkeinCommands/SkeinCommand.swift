import ArgumentParser
import Collector

/// `skein`: the collector and the tools that ask it.
package struct SkeinCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "skein",
        abstract:
            "Traces multi-agent services: collects spans, keeps them, forwards them, and says why something was slow.",
        discussion: """
            Start a collector with 'skein collector'; it needs no configuration. The other commands ask a running \
            collector (--api URL, http://127.0.0.1:16686 by default). Data goes to standard output, messages to \
            standard error. Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
            """,
        version: SkeinVersion.current,
        subcommands: [
            CollectorCommand.self, ConfigCommand.self, SearchCommand.self, TraceCommand.self, REDCommand.self,
            UsageCommand.self,
            StoreCommand.self, LoadCommand.self, VersionCommand.self,
        ])

    package init() {}

    /// Parses the command line, runs the command and ends the process with the documented exit status.
    package static func start() async -> Never {
        do {
            var command = try parseAsRoot()
            if var asyncCommand = command as? any AsyncParsableCommand {
                try await asyncCommand.run()
            } else {
                try command.run()
            }
            Terminal.end(0)
        } catch let failure as CommandFailure {
            Terminal.message("skein: \(failure.message)")
            Terminal.end(failure.exitStatus)
        } catch {
            // ArgumentParser's own errors: help and version are no failure, everything else is wrong usage.
            let status = exitCode(for: error)
            if status == .success {
                print(fullMessage(for: error))
                Terminal.end(0)
            }
            Terminal.message(fullMessage(for: error))
            Terminal.end(status == .validationFailure ? 2 : 1)
        }
    }
}

/// A command that could not do its work.
package struct CommandFailure: Error {
    package let message: String
    /// 1 failed, 2 wrong usage or configuration.
    package let exitStatus: Int32

    static func failed(_ message: String) -> CommandFailure { CommandFailure(message: message, exitStatus: 1) }
    static func usage(_ message: String) -> CommandFailure { CommandFailure(message: message, exitStatus: 2) }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() {
        print("skein \(SkeinVersion.current)")
    }
}
