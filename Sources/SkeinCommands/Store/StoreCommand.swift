import ArgumentParser
import EmbeddedStore
import TraceStorage

/// What can be done with a store's files.
struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Look at, check and export what is stored on this machine.",
        discussion: """
            These commands read the data directory and change nothing; a collector may be running on it. Spans that the \
            collector still holds in memory are not seen: at most the last 65,536 spans or 10 minutes.
            """,
        subcommands: [StoreInspectCommand.self, StoreVerifyCommand.self, StoreExportCommand.self])
}

/// Which store a command reads.
struct StoredDataOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions

    func open() throws(CommandFailure) -> StoreInspection {
        let directory = try configuration.read().collector.storage.directory
        do throws(StorageError) {
            return try StoreInspection(directory: directory + "/store")
        } catch {
            throw .failed("\(error)")
        }
    }
}

/// Says how far a long command is, on a terminal only.
struct StoreProgress {
    private let total: Int

    init(blocks total: Int) {
        self.total = total
    }

    func show(_ block: Int) {
        if Terminal.isErrorATerminal { Terminal.transient("block \(block + 1) of \(total)") }
    }

    func end() {
        if Terminal.isErrorATerminal { Terminal.transient("") }
    }
}
