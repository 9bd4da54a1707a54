import Synchronization
import TraceStorage

/// All derivations of a collector and their common checkpoint.
///
/// Order of use: ``load()``, then ``record(_:)`` for every batch of the journal after ``replayPosition``, with
/// ``checkpoint()`` about every 5 s in between and at the end. All of it from one thread. The journal may forget what
/// lies at or before ``durablePosition``. Until the replay has reached the journal's end as of the start, 8889 answers
/// 503: what a scrape shows never falls then, because the journal holds every batch since the checkpoint.
package final class DerivedState: Sendable {
    package let derivations: [any Derivation]
    /// The directory of the checkpoint; it exists.
    package let directory: String
    private let files: any FileSystem
    private let durable = Mutex(JournalPosition.beginning)

    package init(directory: String, derivations: [any Derivation], files: any FileSystem = POSIXFileSystem()) {
        self.directory = directory
        self.files = files
        self.derivations = derivations
    }

    /// Everything up to here is in the checkpoint on disk.
    package var durablePosition: JournalPosition { durable.withLock { $0 } }

    /// Batches up to here are recorded by every derivation.
    package var replayPosition: JournalPosition { derivations.map(\.position).min() ?? .beginning }

    /// Restores the derivations from the checkpoint; one without a section begins at zero and needs the journal from
    /// its oldest record.
    ///
    /// - Returns: what the operator should know, one line each.
    /// - Throws: ``CheckpointError`` for a future version and for what the file system refuses; the caller gives up
    ///   then. A corrupt file is reported in the result instead; everything is then rebuilt from the journal's oldest
    ///   record.
    package func load() throws(CheckpointError) -> [String] {
        for derivation in derivations { try derivation.open() }
        let path = directory + "/" + DerivedCheckpoint.fileName
        do throws(CheckpointError) {
            guard let checkpoint = try DerivedCheckpoint.load(from: directory, files: files) else { return [] }
            let notes = try restore(checkpoint, path: path)
            durable.withLock { $0 = replayPosition }
            return notes
        } catch {
            guard case .corrupt = error else { throw error }
            return ["\(error); rebuilding derived state from the oldest journal record"]
        }
    }

    private func restore(_ checkpoint: DerivedCheckpoint, path: String) throws(CheckpointError) -> [String] {
        let known = Set(derivations.map(\.checkpointName))
        for section in checkpoint.sections where !known.contains(section.name) {
            throw .futureVersion(
                path: path, found: "section '\(section.name)'", supported: known.sorted().joined(separator: ", "))
        }
        var notes: [String] = []
        for derivation in derivations {
            guard let section = checkpoint.sections.first(where: { $0.name == derivation.checkpointName }) else {
                notes.append("checkpoint has no section '\(derivation.checkpointName)'; it starts with the journal")
                continue
            }
            do throws(CheckpointError) {
                if case .startedOver(let reason) = try derivation.restore(section) {
                    notes.append("\(reason): '\(section.name)' begins at zero")
                }
            } catch {
                guard case .corrupt = error else { throw error.with(path: path) }
                notes.append("\(error.with(path: path)); rebuilding '\(section.name)' from the oldest journal record")
            }
        }
        return notes
    }

    package func record(_ batch: StoredBatch) {
        for derivation in derivations { derivation.record(batch) }
    }

    /// Writes the checkpoint; on return everything recorded is durable.
    package func checkpoint() throws(CheckpointError) {
        for derivation in derivations { try derivation.prepareCheckpoint() }
        let sections = derivations.map { $0.checkpointSection() }
        try DerivedCheckpoint(sections: sections).write(to: directory, files: files)
        durable.withLock { $0 = sections.map(\.position).min() ?? .beginning }
    }
}
